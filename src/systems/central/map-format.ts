import type { Address } from '../../core/address.ts';
import { crc32c } from '../../core/checksum.ts';
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
 *          8 | slots u32        | incarnation whose map it is u32 |
 *         16 | sequence limit u53: no sequence at or above it has been used
 *
 *   half   0 | checksum u32 | record bytes u16 | moves u16     |  CRC-32C over the bytes from 4 on
 *          8 | sequence u53                                     |  record bytes 0: there is no record
 *         16 | address of each copy, u53 x replicas             |
 *
 * A flip writes the half that is not current, and persists it; the slot means its whole half with
 * the higher sequence, or with more moves where both have one sequence: a copy that is moved to
 * another memory node is the same record still (relocation.ts says why it must be). So an entry
 * changes by one write of which every torn state fails its checksum and leaves the old half in force,
 * without a second persist for a word that points to it.
 */
export const mapHead = layout('map head', {
  magic: u32,
  format: u16,
  replicas: u8,
  pad: u8,
  slots: u32,
  incarnation: u32,
  sequenceLimit: u53,
});

const mapHalfHead = layout('map half', {
  checksum: u32,
  recordBytes: u16,
  moves: u16,
  sequence: u53,
});
const addressField = u53.at(0);

export const mapMagic = 0x504d4346;
export const mapFormat = 2;
export const movesMax = 2 ** 16 - 1;
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
  readonly moves: number;
}

/** A half that came out of a map: which of the slot's two it is. */
export type StoredHalf = MapHalf & { readonly half: number };

/** Fills `bytes`, which is exactly one half. */
export function encodeMapHalf(bytes: Uint8Array, half: MapHalf): void {
  const f = mapHalfHead.field;
  f.recordBytes.set(bytes, 0, half.recordBytes);
  f.moves.set(bytes, 0, half.moves);
  f.sequence.set(bytes, 0, half.sequence);
  for (let copy = 0; 16 + 8 * copy < bytes.length; copy++) {
    addressField.set(bytes, mapHalfHead.sizeBytes + 8 * copy, half.addresses[copy] ?? 0);
  }
  f.checksum.set(bytes, 0, crc32c(bytes, 4));
}

/** Also one that was never written, whose bytes are all zero. */
function isWholeHalf(bytes: Uint8Array, at: number, replicas: number): boolean {
  const f = mapHalfHead.field;
  const end = at + mapHalfBytes(replicas);
  if (f.checksum.get(bytes, at) === 0 && bytes.subarray(at, end).every((byte) => byte === 0)) {
    return true;
  }
  return crc32c(bytes, at + 4, end) === f.checksum.get(bytes, at);
}

function decodeMapHalf(bytes: Uint8Array, at: number, replicas: number): MapHalf | undefined {
  const f = mapHalfHead.field;
  const sequence = f.sequence.get(bytes, at);
  if (sequence === 0 || !isWholeHalf(bytes, at, replicas)) return undefined;
  const addresses = Array.from({ length: replicas }, (_, copy) =>
    addressField.get(bytes, at + mapHalfHead.sizeBytes + 8 * copy),
  );
  const moves = f.moves.get(bytes, at);
  return { sequence, recordBytes: f.recordBytes.get(bytes, at), addresses, moves };
}

/**
 * What slot `slot` of a whole map region means, and the half to write next; undefined: never used.
 */
export function decodeMapSlot(
  map: Uint8Array,
  slot: number,
  replicas: number,
): StoredHalf | undefined {
  let newest: StoredHalf | undefined;
  for (const half of [0, 1]) {
    const found = decodeMapHalf(map, mapHalfOffset(slot, half, replicas), replicas);
    if (found === undefined || (newest !== undefined && !isNewer(found, newest))) continue;
    newest = { ...found, half };
  }
  return newest;
}

function isNewer(a: MapHalf, b: MapHalf): boolean {
  return a.sequence > b.sequence || (a.sequence === b.sequence && a.moves > b.moves);
}

/** All that a map region says, where its head was written and nothing in it is damaged. */
export interface StoredMap {
  /** Of the coordinator that wrote it. If another one held the last term, the map is of the past. */
  readonly incarnation: number;
  /** Sequence numbers below it may have been used. */
  readonly sequenceLimit: number;
  /** By slot; undefined where a slot was never used. */
  readonly slots: readonly (StoredHalf | undefined)[];
}

/**
 * What a whole map region says. Undefined where it is not to be trusted: without a head for this many
 * slots and copies (no sequence number was ever used with it, or someone who was rebuilding it did not
 * finish), or with a half that was written and is not whole. Such a half is a flip that a power loss
 * tore, or one that was acknowledged and has been damaged since; nobody can tell, and in the second
 * case the slot's other half would bring back what a put has replaced.
 */
export function decodeMap(map: Uint8Array, slots: number, replicas: number): StoredMap | undefined {
  const f = mapHead.field;
  const sequenceLimit = f.sequenceLimit.get(map, 0);
  const isWhole =
    f.magic.get(map, 0) === mapMagic &&
    f.format.get(map, 0) === mapFormat &&
    f.replicas.get(map, 0) === replicas &&
    f.slots.get(map, 0) === slots &&
    sequenceLimit > 0;
  if (!isWhole) return undefined;
  for (let at = mapHeadBytes; at < mapBytes(slots, replicas); at += mapHalfBytes(replicas)) {
    if (!isWholeHalf(map, at, replicas)) return undefined;
  }
  return {
    incarnation: f.incarnation.get(map, 0),
    sequenceLimit,
    slots: Array.from({ length: slots }, (_, slot) => decodeMapSlot(map, slot, replicas)),
  };
}

export function encodeMapHead(
  head: Uint8Array,
  slots: number,
  replicas: number,
  incarnation: number,
  sequenceLimit: number,
): void {
  const f = mapHead.field;
  f.incarnation.set(head, 0, incarnation);
  f.magic.set(head, 0, mapMagic);
  f.format.set(head, 0, mapFormat);
  f.replicas.set(head, 0, replicas);
  f.slots.set(head, 0, slots);
  f.sequenceLimit.set(head, 0, sequenceLimit);
}
