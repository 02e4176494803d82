import { setTimeout as delay } from 'node:timers/promises';
import { FarsideError } from '../../core/errors.ts';
import { CmHub } from './cm-hub.ts';
import { connectQueuePair, cpuMicrosecondsAt, type Destination } from './connect.ts';
import type { MemoryServer } from './memory-server.ts';
import type { Device, Native, ProviderOption } from './native.ts';

const rounds = 3;
const leaveMsMax = 1000;

/**
 * Connects to a memory server of this very process, asks it what it is asked during runs, and leaves, a few
 * times before it says that it is ready. What it does for a client is then in memory: the first client would
 * else cause tens of milliseconds of CPU time in an emulated guest, and the server is measured.
 *
 * Nothing depends on it: one that cannot reach itself (a filter, a device that loops nothing back) may be
 * reached by others all the same.
 */
export async function rehearse(
  native: Native,
  server: MemoryServer,
  to: Destination,
  provider: ProviderOption,
): Promise<void> {
  const hub = new CmHub(native, provider);
  hub.watch();
  let device: Device | undefined;
  try {
    for (let round = 0; round < rounds; round++) {
      const { close } = await connectQueuePair(hub, {
        ...to,
        incarnation: 0,
        queuePair: (name) => {
          device ??= native.openDevice(name, provider);
          return native.createQp(native.allocPd(device), native.createCq(device, 16));
        },
      });
      await cpuMicrosecondsAt(hub, to);
      close();
      const endMs = performance.now() + leaveMsMax;
      while (server.connections > 0 && performance.now() < endMs) await delay(1);
    }
  } catch (error) {
    if (!(error instanceof FarsideError)) throw error;
  } finally {
    hub.close();
    if (device !== undefined) native.close(device);
  }
}
