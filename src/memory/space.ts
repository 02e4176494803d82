import { formatAddress, globalAddress } from '../core/address.ts';
import { FarsideError } from '../core/errors.ts';
import type { ClusterMap, ClusterNode } from './cluster.ts';

/** The bytes of one node, contiguous, with the views that verbs need. Little-endian hosts only. */
export class NodeSpace {
  readonly buffer: ArrayBufferLike;
  readonly bytes: Uint8Array;
  readonly words: BigUint64Array;
  readonly halves: Int32Array;

  constructor(buffer: ArrayBufferLike) {
    this.buffer = buffer;
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

  /**
   * One buffer a node, zeroed; the operating system gives pages when they are touched. A node's
   * space is one typed array, of which Node 20 allows 4 GiB: FARSIDE_CAPACITY where that is too
   * little.
   */
  static buffersFor(cluster: ClusterMap): SharedArrayBuffer[] {
    return cluster.nodes.map(bufferFor);
  }

  /** The space that holds these bytes; throws FARSIDE_ADDRESS and FARSIDE_ALIGNMENT. */
  at(node: number, offsetBytes: number, lengthBytes: number): NodeSpace {
    const space = this.spaces[node];
    if (space === undefined || offsetBytes + lengthBytes > space.bytes.length) {
      throw outside(node, offsetBytes, lengthBytes);
    }
    // Fractions of a byte (an address that was computed wrongly) are caught by the same comparison.
    const words = offsetBytes / 8;
    if (words !== Math.floor(words) || (lengthBytes & 7) !== 0 || !(lengthBytes > 0)) {
      throw new FarsideError(
        'FARSIDE_ALIGNMENT',
        `${lengthBytes} B at node ${node}, offset ${offsetBytes}: expected a positive multiple ` +
          'of 8 at a multiple of 8',
      );
    }
    return space;
  }
}

function outside(node: number, offsetBytes: number, lengthBytes: number): FarsideError {
  const known = Number.isInteger(node) && Number.isInteger(offsetBytes) && node >= 0;
  const where = known ? formatAddress(globalAddress(node, offsetBytes)) : `${node}:${offsetBytes}`;
  return new FarsideError(
    'FARSIDE_ADDRESS',
    `${lengthBytes} B at ${where} lie outside the regions of the node`,
  );
}

function bufferFor(node: ClusterNode): SharedArrayBuffer {
  try {
    const buffer = new SharedArrayBuffer(node.spaceBytes);
    new Uint8Array(buffer); // the limit on views is lower than the one on buffers
    return buffer;
  } catch (cause) {
    const gibibytes = (node.spaceBytes / 2 ** 30).toFixed(2);
    throw new FarsideError(
      'FARSIDE_CAPACITY',
      `the regions of ${node.name} need ${node.spaceBytes} B (${gibibytes} GiB), more than this ` +
        'platform gives one shared buffer (4 GiB on Node 20): use more memory nodes or less data',
      { cause },
    );
  }
}
