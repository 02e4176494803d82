import type { Address } from '../../core/address.ts';
import { mix32 } from '../../core/hash.ts';
import type { Key } from '../../core/key.ts';
import type { ClusterMap } from '../../memory/cluster.ts';
import type { StoreShape } from '../system.ts';
import { slotUnitBytes } from './size-classes.ts';
import { bucketBytes, copyRegion, indexRegion, poolRegion, type Sizing } from './sizing.ts';
import { fingerprintBits } from './words.ts';

/** Where one memory node's regions start. */
interface NodePlaces {
  readonly index: Address;
  readonly pool: Address;
  /** By copy: the directory, and behind it the slots. */
  readonly copies: readonly Address[];
}

/**
 * Which node and address everything has. The primary of a key is the memory node `hash mod n`, and
 * copy j lies on the node j places further (paper §4.1), at the same offset of that node's area
 * `copyJ`.
 */
export class Geometry {
  readonly cluster: ClusterMap;
  readonly replicas: number;
  readonly sizing: Sizing;
  readonly #nodes: readonly NodePlaces[];

  constructor(cluster: ClusterMap, shape: StoreShape, sizing: Sizing) {
    this.cluster = cluster;
    this.replicas = shape.replicas;
    this.sizing = sizing;
    this.#nodes = cluster.withRole('memory').map((node) => ({
      index: cluster.region(node.id, indexRegion).address,
      pool: cluster.region(node.id, poolRegion).address,
      copies: Array.from(
        { length: shape.replicas },
        (_, j) => cluster.region(node.id, copyRegion(j)).address,
      ),
    }));
  }

  get memoryNodes(): number {
    return this.#nodes.length;
  }

  /** Index of the key's primary among the memory nodes. */
  primaryOf(key: Key): number {
    return key.hash % this.#nodes.length;
  }

  /** Address of copy `copy` of the slot that starts `slot` units into the primary's area. */
  slot(primary: number, copy: number, slot: number): Address {
    return this.#area(primary, copy) + this.sizing.directoryBytes + slot * slotUnitBytes;
  }

  /** Address of copy `copy` of an extent's directory word. */
  directory(primary: number, copy: number, extent: number): Address {
    return this.#area(primary, copy) + extent * 8;
  }

  bucket(primary: number, bucket: number): Address {
    return this.#places(primary).index + bucket * bucketBytes;
  }

  /** The word that counts extents claimed at this primary. */
  claims(primary: number): Address {
    return this.#places(primary).pool;
  }

  /** Head of the list of free slots of a class at this primary. */
  freeHead(primary: number, sizeClass: number): Address {
    return this.#places(primary).pool + slotUnitBytes + sizeClass * 8;
  }

  #area(primary: number, copy: number): Address {
    return this.#places((primary + copy) % this.#nodes.length).copies[copy] as Address;
  }

  #places(primary: number): NodePlaces {
    return this.#nodes[primary] as NodePlaces;
  }
}

/**
 * The two buckets and the fingerprint of a key: bits independent of those that chose its primary.
 */
export interface KeyPlace {
  readonly home: number;
  readonly other: number;
  readonly fingerprint: number;
}

export function placeOf(key: Key, buckets: number): KeyPlace {
  const home = mix32(key.hash ^ 0x2545f491) % buckets;
  // Any bucket but the first choice, so that two choices are always two.
  const step = 1 + (mix32(key.hash ^ 0x68e31da4) % (buckets - 1));
  return {
    home,
    other: (home + step) % buckets,
    fingerprint: mix32(key.hash ^ 0x1b56c4e9) & (2 ** fingerprintBits - 1),
  };
}
