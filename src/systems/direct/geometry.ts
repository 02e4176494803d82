import type { Address } from '../../core/address.ts';
import { mix32 } from '../../core/hash.ts';
import type { Key } from '../../core/key.ts';
import type { ClusterMap } from '../../memory/cluster.ts';
import type { StoreShape } from '../system.ts';
import { slotUnitBytes } from './size-classes.ts';
import {
  bucketBytes,
  controlOffsetBytes,
  copyRegion,
  indexRegion,
  poolRegion,
  type Sizing,
  sizingOf,
} from './sizing.ts';
import { fingerprintBits } from './words.ts';

/** Where one memory node's regions start. */
interface NodePlaces {
  readonly index: Address;
  readonly pool: Address;
  /** By copy: the directory, and behind it the slots. */
  readonly copies: readonly Address[];
}

/**
 * Which node and address everything has. There are as many *places* as memory nodes that hold data.
 * The primary of a key is the place `hash mod n`, and copy j lies at the place j further (paper
 * §4.1), at the same offset of that node's area `copyJ`. Place i is memory node i until another node
 * takes it over; addresses change then, and nothing that is stored does.
 */
export class Geometry {
  readonly cluster: ClusterMap;
  readonly memoryNodes: number;
  readonly replicas: number;
  readonly sizing: Sizing;
  readonly #shape: StoreShape;
  /** By memory node, spares included. */
  readonly #nodes: readonly NodePlaces[];
  /** By place: the memory node that holds it. */
  readonly #holders: number[];

  constructor(cluster: ClusterMap, shape: StoreShape, sizing: Sizing) {
    this.cluster = cluster;
    this.#shape = shape;
    this.memoryNodes = shape.memoryNodes;
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
    this.#holders = Array.from({ length: shape.memoryNodes }, (_, place) => place);
  }

  /** Place of the key's primary. */
  primaryOf(key: Key): number {
    return key.hash % this.memoryNodes;
  }

  /** Memory node that holds a place. */
  holder(place: number): number {
    return this.#holders[place] as number;
  }

  /** The place that a memory node holds; undefined for a spare, and for one that was replaced. */
  placeHeldBy(node: number): number | undefined {
    const place = this.#holders.indexOf(node);
    return place < 0 ? undefined : place;
  }

  /** From now on that memory node holds the place. */
  replace(place: number, node: number): void {
    this.#holders[place] = node;
  }

  /** The same, with that memory node in that place. */
  onNode(place: number, node: number): Geometry {
    const other = new Geometry(this.cluster, this.#shape, this.sizing);
    for (const [i, holder] of this.#holders.entries()) other.replace(i, holder);
    other.replace(place, node);
    return other;
  }

  /** Claim word and offer words, which lie together. */
  readonly poolWordsBytes = controlOffsetBytes;

  /** Primaries of which a copy lies at a place: its own, and those before it. */
  primariesAt(place: number): number[] {
    const n = this.memoryNodes;
    return Array.from({ length: this.replicas }, (_, copy) => (place - copy + n) % n);
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

  /** Address of the index entry that is word `entry` of the primary's index. */
  entry(primary: number, entry: number): Address {
    return this.#places(primary).index + entry * 8;
  }

  /** The word that counts extents claimed at this primary. */
  claims(primary: number): Address {
    return this.#places(primary).pool;
  }

  /** Word that says where slots of a class were last offered at this primary. */
  offer(primary: number, sizeClass: number): Address {
    return this.#places(primary).pool + slotUnitBytes + sizeClass * 8;
  }

  /** Address of word `word` of the control words of a memory node; see `relocation.ts`. */
  control(node: number, word: number): Address {
    return (this.#nodes[node] as NodePlaces).pool + controlOffsetBytes + word * 8;
  }

  #area(primary: number, copy: number): Address {
    return this.#places((primary + copy) % this.memoryNodes).copies[copy] as Address;
  }

  #places(place: number): NodePlaces {
    return this.#nodes[this.#holders[place] as number] as NodePlaces;
  }
}

export function geometryOf(cluster: ClusterMap, shape: StoreShape): Geometry {
  return new Geometry(cluster, shape, sizingOf(shape));
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
