import { u53 } from '../../../core/layout.ts';
import { loadHalf, storeHalf } from '../../../core/word.ts';
import type { CloverLayout } from '../layout.ts';
import {
  areaIn,
  entryIn,
  entryLow,
  handleIn,
  handleOf,
  highHalfFor,
  noReference,
  type Reference,
} from '../pointer.ts';
import type { ChainRows } from './chain-rows.ts';

/**
 * An entry of the table of heads (head-table.ts):
 *
 *    0 +----------------------------------------------------+
 *      | number of the chain that the slot serves, u53      |   stays when the chain has ended
 *    8 +----------------------------------------------------+
 *      | R head words: where its server stands, odd moves   |
 * 8+8R +----------------------------------------------------+
 *      | R head words, even moves                           |
 *      +----------------------------------------------------+ 8 + 16R
 *
 * and a head word, which is a shortcut's word (pointer.ts) with the number of the move in its free bits:
 *
 *    63       60 59                   28 27 26       19 18       11 10       1     0
 *   +-----------+-----------------------+--+-----------+-----------+----------+------+
 *   | move 11..8| handle, or generation | -| move 7..0 |  version  | sequence | over |
 *   +-----------+-----------------------+--+-----------+-----------+----------+------+
 *
 * The head of the later move counts, where all its words are of one move; else the other one does.
 *
 * Every word is changed by CAS from what stood there, and no word stands in its place a second time while
 * such a CAS is in doubt. So one that acts late finds another word and does nothing:
 * - numbers of a slot's chains only grow;
 * - a chain never goes back to a buffer at the same version before versions have run out, and the buffers
 *   that the CAS expects start no new round of versions while it is in doubt (late-verbs.ts);
 * - `over` carries the generation of the slot, which only grows;
 * - a rebuild stores the same head again, with another move; moves come round after 4,096.
 */
export function entryBytes(replicas: number): number {
  return 8 + 16 * replicas;
}

export const numberWord = u53.at(0);
const movesModulus = 4096;

export function headAt(move: number, replicas: number): number {
  return move % 2 === 1 ? 8 : 8 + 8 * replicas;
}

export function nextMove(move: number): number {
  return (move + 1) % movesModulus;
}

/** Moves from `from` to `to`, negative where `to` is earlier: serial arithmetic. */
function moveDistance(from: number, to: number): number {
  return ((to - from + movesModulus + movesModulus / 2) % movesModulus) - movesModulus / 2;
}

/** Fills `head`, R words, with where the chain of that row stands. */
export function storeHead(
  head: Uint8Array,
  rows: ChainRows,
  row: number,
  move: number,
  layout: CloverLayout,
): void {
  const isOver = rows.isOver(row);
  const generation = isOver ? Math.floor(rows.number(row) / layout.slots) % 2 ** 32 : 0;
  for (let r = 0; r < layout.replicas; r++) {
    // Of an ended chain the same word R times; `over` is the bit that no entry form has.
    const target = isOver ? generation * 256 : rows.ref(row, r);
    const low = isOver ? entryLow(target, 0) | 1 : entryLow(target, rows.sequence(row));
    storeHalf(head, 8 * r, (low | ((move & 0xff) << 19)) >>> 0);
    storeHalf(head, 8 * r + 4, (highHalfFor(handleOf(target)) | ((move >>> 8) << 28)) >>> 0);
  }
}

/** An entry as found. `refs`: none where the slot serves no chain. */
export interface HeadEntry {
  readonly number: number;
  readonly refs: readonly Reference[];
  readonly sequence: number;
  /** None later stands in the entry, and the next one goes to the head that does not count. */
  readonly move: number;
}

/** Undefined where the slot has never served a chain. */
export function entryFrom(bytes: Uint8Array, layout: CloverLayout): HeadEntry | undefined {
  const number = numberWord.get(bytes, 0);
  if (number === 0) return undefined;
  const heads = [headFrom(bytes, 1, layout), headFrom(bytes, 0, layout)];
  const whole = heads.filter(({ isWhole }) => isWhole);
  const [counts] = whole.sort((a, b) => moveDistance(a.move, b.move));
  const { refs = [], sequence = 0 } = counts ?? {};
  // One that was stored in part may be of a later move: its words must not be taken for those of the next.
  let move = counts?.move ?? 0;
  for (const head of heads)
    while (moveDistance(move, head.move) > 0) move = (move + 2) % movesModulus;
  return { number, refs, sequence, move };
}

interface Head {
  /** Of its words, the latest. */
  readonly move: number;
  readonly isWhole: boolean;
  readonly refs: readonly Reference[];
  readonly sequence: number;
}

function headFrom(bytes: Uint8Array, parity: number, layout: CloverLayout): Head {
  const at = headAt(parity, layout.replicas);
  const refs: Reference[] = [];
  const sequence = areaIn(loadHalf(bytes, at));
  let [isWhole, move, overs] = [true, -1, 0];
  for (let r = 0; r < layout.replicas; r++) {
    const low = loadHalf(bytes, at + 8 * r);
    const high = loadHalf(bytes, at + 8 * r + 4);
    const moveHere = ((low >>> 19) & 0xff) | ((high >>> 28) << 8);
    const isOfOne = r === 0 || (moveHere === move && areaIn(low) === sequence);
    isWhole &&= isOfOne && moveHere % 2 === parity;
    if (r === 0 || moveDistance(move, moveHere) > 0) move = moveHere;
    if ((low & 1) === 1) overs++;
    else if (layout.isHandle(handleIn(high, low))) refs.push(entryIn(high, low));
  }
  if (refs.length !== layout.replicas) {
    isWhole &&= overs === layout.replicas || isNothing(bytes, at, layout.replicas);
    refs.length = 0;
  }
  return { move, isWhole, refs, sequence };
}

/** Never stored: before the second move there is no even one. */
function isNothing(bytes: Uint8Array, at: number, replicas: number): boolean {
  return bytes.subarray(at, at + 8 * replicas).every((byte) => byte === 0);
}

/** The buffer that a head word names; 0 where it names none. */
export function bufferNamed(high: number, low: number): Reference {
  return (low & 1) === 1 ? noReference : entryIn(high, low);
}
