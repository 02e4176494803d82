import type { Address } from '../../core/address.ts';
import { crc32c } from '../../core/checksum.ts';
import { local, type Program, sleep } from '../../core/effect.ts';
import { assert } from '../../core/errors.ts';
import { layout, u8, u16, u32, u53 } from '../../core/layout.ts';

/**
 * The map as the coordinator keeps it in its own persistent memory, region `map`. From it a
 * restarted coordinator knows every committed location; keys it reads from the records, which carry
 * them.
 *
 *     0 +----------------------------------------------------------+
 *       | map head, drawn below                          64 B      |
 *    64 +----------------------------------------------------------+
 *       | slot 0: half 0 | half 1 | slot 1: half 0 | half 1 | ...  |
 *       +----------------------------------------------------------+
 *
 *   head   0 | magic "FCMP" u32 | format u16 | replicas u8 | - |
 *          8 | slots u32        | -                            |
 *         16 | sequence limit u53: no sequence at or above it has been used
 *
 *   half   0 | checksum u32     | record bytes u32: 0 is "none" |  CRC-32C over the bytes from 4 on
 *          8 | sequence u53                                     |
 *         16 | address of each copy, u53 x replicas             |
 *
 * A flip writes the half that is not current, and persists it; the slot means its whole half with
 * the higher sequence. So an entry changes by one write of which every torn state fails its
 * checksum and leaves the old half in force, without a second persist for a word that points to it.
 */
export const mapHead = layout('map head', {
  magic: u32,
  format: u16,
  replicas: u8,
  pad: u8,
  slots: u32,
  pad2: u32,
  sequenceLimit: u53,
});

const mapHalfHead = layout('map half', { checksum: u32, recordBytes: u32, sequence: u53 });
const addressField = u53.at(0);

export const mapMagic = 0x504d4346;
export const mapFormat = 1;
export const mapHeadBytes = 64;

export function mapHalfBytes(replicas: number): number {
  return mapHalfHead.sizeBytes + 8 * replicas;
}

export function mapSlotBytes(replicas: number): number {
  return 2 * mapHalfBytes(replicas);
}

export function mapBytes(slots: number, replicas: number): number {
  return mapHeadBytes + slots * mapSlotBytes(replicas);
}

/** Bytes from the region's start to a half of a slot. */
export function mapHalfOffset(slot: number, half: number, replicas: number): number {
  return mapHeadBytes + slot * mapSlotBytes(replicas) + half * mapHalfBytes(replicas);
}

/** What a half says. `recordBytes` 0: the entry does not exist. */
export interface MapHalf {
  readonly sequence: number;
  readonly recordBytes: number;
  readonly addresses: readonly Address[];
}

/** Fills `bytes`, which is exactly one half. */
export function encodeMapHalf(bytes: Uint8Array, half: MapHalf): void {
  const f = mapHalfHead.field;
  f.recordBytes.set(bytes, 0, half.recordBytes);
  f.sequence.set(bytes, 0, half.sequence);
  for (let copy = 0; 16 + 8 * copy < bytes.length; copy++) {
    addressField.set(bytes, mapHalfHead.sizeBytes + 8 * copy, half.addresses[copy] ?? 0);
  }
  f.checksum.set(bytes, 0, crc32c(bytes, 4));
}

function decodeMapHalf(bytes: Uint8Array, at: number, replicas: number): MapHalf | undefined {
  const f = mapHalfHead.field;
  const sequence = f.sequence.get(bytes, at);
  const whole = crc32c(bytes, at + 4, at + mapHalfBytes(replicas)) === f.checksum.get(bytes, at);
  if (!whole || sequence === 0) return undefined;
  const addresses = Array.from({ length: replicas }, (_, copy) =>
    addressField.get(bytes, at + mapHalfHead.sizeBytes + 8 * copy),
  );
  return { sequence, recordBytes: f.recordBytes.get(bytes, at), addresses };
}

/**
 * What slot `slot` of a whole map region means, and the half to write next; undefined: never used.
 */
export function decodeMapSlot(
  map: Uint8Array,
  slot: number,
  replicas: number,
): (MapHalf & { readonly half: number }) | undefined {
  let newest: (MapHalf & { readonly half: number }) | undefined;
  for (const half of [0, 1]) {
    const found = decodeMapHalf(map, mapHalfOffset(slot, half, replicas), replicas);
    if (found === undefined || found.sequence <= (newest?.sequence ?? 0)) continue;
    newest = { ...found, half };
  }
  return newest;
}

/** Sequence numbers promised by one write of the head; the next write comes when half are used. */
const sequencesPerLimit = 65_536;
const limitWaitNs = 200;
const limitWaitsMax = 1_000_000;

/** The coordinator's side of that region: draws sequence numbers, and flips entries durably. */
export class PersistentMap {
  readonly #start: Address;
  readonly #slots: number;
  readonly #replicas: number;
  /** The current half of each slot. */
  readonly #current: Uint8Array;
  #sequence = 0;
  #durableLimit = 0;
  #extending = false;

  constructor(start: Address, slots: number, replicas: number) {
    this.#start = start;
    this.#slots = slots;
    this.#replicas = replicas;
    this.#current = new Uint8Array(slots);
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
    const head = new Uint8Array(mapHeadBytes);
    const f = mapHead.field;
    f.magic.set(head, 0, mapMagic);
    f.format.set(head, 0, mapFormat);
    f.replicas.set(head, 0, this.#replicas);
    f.slots.set(head, 0, this.#slots);
    f.sequenceLimit.set(head, 0, limit);
    yield* local.write(this.#start, head);
    yield* local.persist(this.#start, mapHeadBytes);
    this.#durableLimit = limit;
    this.#extending = false;
  }

  /** Makes `half` the state of a slot, durably. The caller holds the entry's write lock. */
  *flip(slot: number, half: MapHalf): Program<void> {
    const other = 1 - (this.#current[slot] as number);
    const bytes = new Uint8Array(mapHalfBytes(this.#replicas));
    encodeMapHalf(bytes, half);
    const at = this.#start + mapHalfOffset(slot, other, this.#replicas);
    yield* local.write(at, bytes);
    yield* local.persist(at, bytes.length);
    this.#current[slot] = other;
  }
}
