import { type Address, align8 } from '../../core/address.ts';
import { local, type Program, sleep } from '../../core/effect.ts';
import { assert } from '../../core/errors.ts';
import {
  decodeMap,
  encodeMapHalf,
  encodeMapHead,
  type MapHalf,
  mapBytes,
  mapHalfBytes,
  mapHalfOffset,
  mapHeadBytes,
  type StoredMap,
} from './map-format.ts';

/** Sequence numbers promised by one write of the head; the next write comes when half are used. */
const sequencesPerLimit = 65_536;
const limitWaitNs = 200;
const limitWaitsMax = 1_000_000;

/** The coordinator's side of region `map`: draws sequence numbers, and flips entries durably. */
export class PersistentMap {
  readonly #start: Address;
  readonly #slots: number;
  readonly #replicas: number;
  readonly #incarnation: number;
  /** The current half of each slot. */
  readonly #current: Uint8Array;
  #sequence = 0;
  #durableLimit = 0;
  #extending = false;

  /** `incarnation`: of the coordinator whose map this is. */
  constructor(start: Address, slots: number, replicas: number, incarnation: number) {
    this.#incarnation = incarnation;
    this.#start = start;
    this.#slots = slots;
    this.#replicas = replicas;
    this.#current = new Uint8Array(slots);
  }

  remembers(): unknown {
    return [this.#current, this.#sequence, this.#durableLimit, this.#extending];
  }

  /**
   * The next sequence number of this coordinator. One counter serves all keys, so a key that is
   * deleted and inserted again continues above every record it ever had; and because its limit is
   * durable before a number below it is used, so does a coordinator that starts again.
   */
  *nextSequence(): Program<number> {
    const sequence = ++this.#sequence;
    if (sequence + sequencesPerLimit / 2 >= this.#durableLimit && !this.#extending) {
      yield* this.#extendLimit();
    }
    for (let tries = 0; sequence >= this.#durableLimit; tries++) {
      assert(tries < limitWaitsMax, 'the sequence limit does not move', 'FARSIDE_LIMIT');
      yield* sleep(limitWaitNs);
    }
    return sequence;
  }

  *#extendLimit(): Program<void> {
    this.#extending = true;
    const limit = this.#sequence + sequencesPerLimit;
    yield* this.#writeHead(limit);
    this.#extending = false;
  }

  *#writeHead(limit: number): Program<void> {
    const head = new Uint8Array(mapHeadBytes);
    if (limit > 0) encodeMapHead(head, this.#slots, this.#replicas, this.#incarnation, limit);
    yield* local.write(this.#start, head);
    yield* this.persist(this.#start, mapHeadBytes);
    this.#durableLimit = limit;
  }

  /** All that the region says, for a coordinator that starts again; undefined: nothing. */
  *stored(): Program<StoredMap | undefined> {
    const bytes = new Uint8Array(align8(mapBytes(this.#slots, this.#replicas)));
    yield* local.read(this.#start, bytes);
    return decodeMap(bytes, this.#slots, this.#replicas);
  }

  /** Goes on with what `stored` gave, as the map of this coordinator. */
  *resume(map: StoredMap): Program<void> {
    for (const [slot, half] of map.slots.entries()) this.#current[slot] = half?.half ?? 0;
    this.#sequence = map.sequenceLimit - 1;
    yield* this.#writeHead(map.sequenceLimit);
  }

  /** Until `rewrite` whoever finds the region finds no map in it, whatever is flipped. */
  *erase(): Program<void> {
    yield* this.#writeHead(0);
  }

  /**
   * Replaces the whole map, which has been erased: the head comes last. With its old head in place some
   * slots would be of another time than it.
   */
  *rewrite(halves: ReadonlyMap<number, MapHalf>, sequenceLast: number): Program<void> {
    const bytes = new Uint8Array(align8(mapBytes(this.#slots, this.#replicas)) - mapHeadBytes);
    const halfBytes = mapHalfBytes(this.#replicas);
    this.#current.fill(1);
    for (const [slot, half] of halves) {
      const at = mapHalfOffset(slot, 0, this.#replicas) - mapHeadBytes;
      encodeMapHalf(bytes.subarray(at, at + halfBytes), half);
      this.#current[slot] = 0;
    }
    yield* local.write(this.#start + mapHeadBytes, bytes);
    yield* this.persist(this.#start + mapHeadBytes, bytes.length);
    this.#sequence = sequenceLast;
    yield* this.#writeHead(sequenceLast + sequencesPerLimit);
  }

  protected *persist(at: Address, lengthBytes: number): Program<void> {
    yield* local.persist(at, lengthBytes);
  }

  /** Makes `half` the state of a slot, durably. The caller holds the entry's write lock. */
  *flip(slot: number, half: MapHalf): Program<void> {
    const other = 1 - (this.#current[slot] as number);
    const bytes = new Uint8Array(mapHalfBytes(this.#replicas));
    encodeMapHalf(bytes, half);
    const at = this.#start + mapHalfOffset(slot, other, this.#replicas);
    yield* local.write(at, bytes);
    yield* this.persist(at, bytes.length);
    this.#current[slot] = other;
  }
}
