import { formatAddress, nodeOf, offsetOf } from '../core/address.ts';
import { assert } from '../core/errors.ts';
import type { ClusterMap } from './cluster.ts';

/** The bytes of one node, contiguous, with the views that verbs need. Little-endian hosts only. */
export class NodeSpace {
  readonly bytes: Uint8Array;
  readonly words: BigUint64Array;
  readonly halves: Int32Array;

  constructor(buffer: ArrayBufferLike) {
    this.bytes = new Uint8Array(buffer);
    this.words = new BigUint64Array(buffer);
    this.halves = new Int32Array(buffer);
  }
}

/** All nodes' spaces, by node id. Sharing `buffers` between threads shares the memory. */
export class ClusterSpace {
  readonly spaces: readonly NodeSpace[];

  constructor(buffers: readonly ArrayBufferLike[]) {
    this.spaces = buffers.map((buffer) => new NodeSpace(buffer));
  }

  static buffersFor(cluster: ClusterMap): SharedArrayBuffer[] {
    return cluster.nodes.map((node) => new SharedArrayBuffer(node.spaceBytes));
  }

  /** The space that holds `[address, address + lengthBytes)`; throws FARSIDE_ADDRESS, _ALIGNMENT. */
  at(address: number, lengthBytes: number): NodeSpace {
    const space = this.spaces[nodeOf(address)];
    assert(
      space !== undefined && offsetOf(address) + lengthBytes <= space.bytes.length,
      () => `${lengthBytes} B at ${formatAddress(address)} lie outside the node's regions`,
      'FARSIDE_ADDRESS',
    );
    assert(
      address % 8 === 0 && lengthBytes % 8 === 0 && lengthBytes > 0,
      () => `${lengthBytes} B at ${formatAddress(address)}: not 8-byte aligned, or empty`,
      'FARSIDE_ALIGNMENT',
    );
    return space;
  }
}
