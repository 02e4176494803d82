import type { SystemPromise } from '../system.ts';
import type { CloverConfig } from './config.ts';

/**
 * What Clover promises. With `reuse=timing` (as published) a retired buffer is used again after a time, so
 * clocks must run equally fast; with `reuse=epochs` after the consent of every node, and no clock matters.
 */
export function cloverPromises(reuse: CloverConfig['reuse']): SystemPromise[] {
  const holds = reuse === 'epochs' ? 'asynchronous-safe' : 'needs timing bounds';
  return (['assumed', 'flush'] as const).flatMap((durability): SystemPromise[] => [
    {
      promise: 'read committed',
      durability,
      holds,
      because:
        reuse === 'epochs'
          ? 'a buffer is used again only when every operation that may be reading it has ended'
          : 'a READ is trusted without a checksum while it took less than the time that retired buffers ' +
            'rest, so clocks of unlike rates let torn data through; with reuse=epochs no clock matters',
    },
    {
      promise: 'atomic write',
      durability,
      holds,
      because:
        'one CAS commits a put; 8-bit versions and epochs keep it from matching a recycled buffer, ' +
        'and an epoch passes only with the consent of every compute node',
    },
    {
      promise: 'data reliability',
      durability,
      holds,
      because:
        durability === 'assumed'
          ? 'a completed WRITE is taken as durable; R copies are chained all ways'
          : 'a version is flushed before it is linked, its link before the put is acknowledged, and ' +
            'a link that was followed before anything is linked behind it',
    },
    {
      promise: 'linearizable',
      durability,
      holds,
      because:
        'a put takes effect at one moment, in the header word of the primary copy, which decides for ' +
        'readers of other copies, too; of two readers the later one cannot find nothing behind a version ' +
        'that the other has passed',
    },
  ]);
}
