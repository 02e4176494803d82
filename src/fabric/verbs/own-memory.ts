import { offsetOf } from '../../core/address.ts';
import type { ClusterNode } from '../../memory/cluster.ts';
import type { ServedRegion } from './memory-server.ts';
import type { Native } from './native.ts';

/** The memory of a node that runs programs: what they see of it, and what its peers do. */
export interface OwnMemory {
  readonly buffer: ArrayBufferLike;
  readonly served: readonly ServedRegion[];
  close(): void;
}

/**
 * Regions of medium pm outlive their process in a file, as they outlive the power in the memory that they
 * stand for: what was visible is there when another process maps it. The rest starts as zeros.
 */
export function ownMemory(
  native: Native,
  node: ClusterNode,
  keptIn: string | undefined,
): OwnMemory {
  if (keptIn === undefined) {
    const buffer = new SharedArrayBuffer(node.spaceBytes);
    return { buffer, served: servedRegions(node, buffer), close: () => {} };
  }
  const memory = native.mapMemory({ lengthBytes: node.spaceBytes, file: keptIn });
  const buffer = native.memoryBuffer(memory, 0, node.spaceBytes);
  for (const { medium, address, sizeBytes } of node.regions) {
    if (medium === 'dram') new Uint8Array(buffer, offsetOf(address), sizeBytes).fill(0);
  }
  const served = node.regions.map(({ name, medium, address, sizeBytes }) => {
    const part = { offsetBytes: offsetOf(address), lengthBytes: sizeBytes };
    return { name, medium, memory, part };
  });
  return { buffer, served, close: () => native.close(memory) };
}

/** The regions of a node whose space is one buffer. */
export function servedRegions(node: ClusterNode, space: SharedArrayBuffer): ServedRegion[] {
  return node.regions.map(({ name, medium, address, sizeBytes }) => ({
    name,
    medium,
    memory: new Uint8Array(space, offsetOf(address), sizeBytes),
  }));
}
