import { randomBytes } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { loadAddon, verbsMissing } from '../../src/fabric/verbs/addon.ts';
import { MemoryServer } from '../../src/fabric/verbs/memory-server.ts';
import { servedRegions } from '../../src/fabric/verbs/own-memory.ts';
import type { ClusterMap } from '../../src/memory/cluster.ts';

/**
 * Why what needs an RDMA device cannot be tried here; undefined where it can. `npm run test:softroce` has
 * one, and anywhere else such tests are skipped with this reason.
 */
export function deviceAbsent(): string | undefined {
  const missing = verbsMissing();
  if (missing !== undefined) return missing.why;
  return loadAddon().getDeviceList().length === 0 ? 'no RDMA device here' : undefined;
}

/** An address of this machine that its device can be reached by: the first that is not loopback. */
export function deviceHost(): string {
  const all = Object.values(networkInterfaces()).flat();
  const found = all.find((face) => face?.family === 'IPv4' && !face.internal);
  if (found === undefined) throw new Error('no interface has an IPv4 address');
  return found.address;
}

export interface ServedMemory {
  /** As `--memory` takes them. */
  readonly addresses: readonly string[];
  close(): void;
}

/**
 * The memory nodes of a map as listeners of the calling thread, on this machine's device: its event loop is
 * free while a run's workers work.
 */
export function serveMemory(map: ClusterMap): ServedMemory {
  const host = deviceHost();
  const servers = map.withRole('memory').map(
    (node) =>
      new MemoryServer(loadAddon(), {
        host,
        port: 0,
        regions: servedRegions(node, new SharedArrayBuffer(node.spaceBytes)),
        incarnation: randomBytes(6).readUIntBE(0, 6),
      }),
  );
  return {
    addresses: servers.map(({ port }) => `${host}:${port}`),
    close: () => {
      for (const server of servers) server.close();
    },
  };
}
