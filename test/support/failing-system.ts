import { type Program, receive, sleep } from '../../src/core/effect.ts';
import { FarsideError } from '../../src/core/errors.ts';
import type { System } from '../../src/systems/system.ts';

/**
 * A system whose server gives up while its client waits for it: loaded by path, like a user's own.
 */
export const system: System<null> = {
  name: 'failing',
  summary: 'fails',
  operations: ['insert', 'get'],
  roundTrips: 'none',
  promises: [],
  parameters: [],
  configure: () => null,
  layout: () => ({
    memoryRegions: [{ name: 'data', medium: 'dram', sizeBytes: 4096 }],
    servers: [{ name: 'server', role: 'coordinator', cores: 1, regions: [] }],
    messageBytesMax: 64,
    messageSlots: 1,
  }),
  openServer: () => ({ programs: [giveUp()], statistics: { events: {}, metadataBytes: 0 } }),
  openNode: ({ context }) => {
    const port = context.hub.openPort();
    const waitForEver = function* (): Program<never> {
      for (;;) yield* receive(port);
    };
    return {
      background: [],
      statistics: { events: {}, metadataBytes: 0 },
      openClient: () => ({
        insert: waitForEver,
        get: waitForEver,
        put: waitForEver,
        delete: waitForEver,
      }),
    };
  },
};

function* giveUp(): Program<void> {
  yield* sleep(5e6);
  throw new FarsideError('FARSIDE_CORRUPT', 'the server found its table in disorder');
}
