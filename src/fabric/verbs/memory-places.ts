import { FarsideError } from '../../core/errors.ts';
import type { ClusterMap } from '../../memory/cluster.ts';
import type { Destination } from './connect.ts';
import { MemoryServer } from './memory-server.ts';
import type { Native } from './native.ts';
import { servedRegions } from './own-memory.ts';

/** Where the memory nodes of a run are. */
export interface MemoryPlaces {
  /** By node id. */
  readonly at: Destination[];
  close(): void;
}

/**
 * As the operator says, one address for each memory node of the map (FARSIDE_USAGE else); or on the fake
 * device, whose memory nodes are listeners of this thread.
 */
export function placeMemory(
  native: Native,
  map: ClusterMap,
  memory: readonly Destination[] | 'fake',
  incarnationBase: number,
): MemoryPlaces {
  return memory === 'fake' ? served(native, map, incarnationBase) : given(map, memory);
}

function given(map: ClusterMap, memory: readonly Destination[]): MemoryPlaces {
  const nodes = map.withRole('memory');
  if (memory.length !== nodes.length) {
    throw new FarsideError(
      'FARSIDE_USAGE',
      `${memory.length} addresses of memory nodes and ${nodes.length} memory nodes: give one for each`,
    );
  }
  const at: Destination[] = [];
  for (const [i, { id }] of nodes.entries()) at[id] = memory[i] as Destination;
  return { at, close: () => {} };
}

function served(native: Native, map: ClusterMap, incarnationBase: number): MemoryPlaces {
  const host = '127.0.0.1';
  const at: Destination[] = [];
  const servers = map.withRole('memory').map((node) => {
    const server = new MemoryServer(native, {
      provider: 'fake',
      host,
      port: 0,
      regions: servedRegions(node, new SharedArrayBuffer(node.spaceBytes)),
      incarnation: incarnationBase + node.id,
    });
    at[node.id] = { host, port: server.port };
    return server;
  });
  return {
    at,
    close: () => {
      for (const server of servers) server.close();
    },
  };
}
