import { verbOp, verbStatus } from '../../src/core/effect.ts';
import { highHalf, loadHalf, lowHalf, packWord, storeHalf } from '../../src/core/word.ts';
import { scramble } from './digest.ts';
import { type Flight, flightState } from './flight.ts';
import type { WorldMemory } from './memory.ts';

/**
 * What a verb does to memory, or memory to it. A byte verb acts in one part or in two; `flight.part`
 * says which words are in the first.
 */

/** Low half of word `i` of what a WRITE carries. */
function sourceLow({ verb }: Flight, i: number): number {
  return verb.buffer === undefined ? lowHalf(verb.operand) | 0 : loadHalf(verb.buffer, 8 * i) | 0;
}

function sourceHigh({ verb }: Flight, i: number): number {
  return verb.buffer === undefined
    ? highHalf(verb.operand) | 0
    : loadHalf(verb.buffer, 8 * i + 4) | 0;
}

/** Whether word `i` of a WRITE is not yet what the WRITE would make it. */
export function wouldChange(memory: WorldMemory, flight: Flight, i: number): boolean {
  if (flight.state === flightState.partly && flight.isFirst(i)) return false;
  if (flight.swallowed?.has(flight.from + i) === true) return false;
  return (
    memory.low(flight.node, flight.from + i) !== sourceLow(flight, i) ||
    memory.high(flight.node, flight.from + i) !== sourceHigh(flight, i)
  );
}

/** Moves the words that `chosen` names, between memory and the verb. */
function moveWords(memory: WorldMemory, flight: Flight, chosen: (i: number) => boolean): void {
  const { verb, node, from, to } = flight;
  for (let i = 0; i <= to - from; i++) {
    if (!chosen(i)) continue;
    const word = from + i;
    if (flight.isWrite) {
      if (flight.swallowed?.has(word) === true) continue;
      memory.store(node, word, sourceLow(flight, i), sourceHigh(flight, i));
    } else if (verb.buffer === undefined) {
      verb.low = memory.low(node, word) >>> 0;
      verb.high = memory.high(node, word) >>> 0;
    } else {
      storeHalf(verb.buffer, 8 * i, memory.low(node, word));
      storeHalf(verb.buffer, 8 * i + 4, memory.high(node, word));
    }
  }
}

/** The words of `flight.part`. */
export function actFirstPart(memory: WorldMemory, flight: Flight): void {
  moveWords(memory, flight, (i) => flight.isFirst(i));
}

/** All of it, or what is left of it. Gives true where nothing outside the program changed. */
export function actWhole(memory: WorldMemory, flight: Flight): boolean {
  const { verb, node, from, to } = flight;
  if (verb.op === verbOp.flush) return !memory.flush(node, from, to);
  if (flight.isAtomic) return actAtomic(memory, flight);
  const isRest = flight.state === flightState.partly;
  moveWords(memory, flight, (i) => !isRest || !flight.isFirst(i));
  return !flight.isWrite;
}

function actAtomic(memory: WorldMemory, { verb, node, from }: Flight): boolean {
  verb.low = memory.low(node, from) >>> 0;
  verb.high = memory.high(node, from) >>> 0;
  const old = packWord(verb.high, verb.low);
  if (verb.op === verbOp.cas && old !== verb.compare) return true;
  const next = verb.op === verbOp.cas ? verb.operand : BigInt.asUintN(64, old + verb.operand);
  memory.store(node, from, lowHalf(next) | 0, highHalf(next) | 0);
  return next === old;
}

/** Whether an atomic would change its word now. */
export function wouldSwap(memory: WorldMemory, { verb, node, from }: Flight): boolean {
  if (verb.op !== verbOp.cas) return true;
  return packWord(memory.high(node, from), memory.low(node, from)) === verb.compare;
}

/** A hash of what the program will learn from the verb. */
export function answerOf(flight: Flight): number {
  const { verb } = flight;
  const answer = wordsOf(flight);
  return verb.status === verbStatus.unknown ? scramble(answer, verb.start, 0, 1) : answer;
}

function wordsOf({ verb, isWrite }: Flight): number {
  if (isWrite || verb.op === verbOp.flush) return verb.status;
  if (verb.buffer === undefined) return scramble(verb.status, verb.low, verb.high, 1);
  let h: number = verb.status;
  for (let at = 0; at < verb.buffer.length; at += 8) {
    h = scramble(h, loadHalf(verb.buffer, at), loadHalf(verb.buffer, at + 4), at);
  }
  return h;
}

const everySubsetMax = 4;

/**
 * The ways in which a verb that is about to act may act in two parts, as options of its choice: every
 * proper subset of the words that matter, or, of many words, each single one first, or each last.
 */
export function tearings(words: readonly number[]): number[] {
  const bits = [...new Set(words.map((i) => 1 << (i % 10)))];
  const all = bits.reduce((mask, bit) => mask | bit, 0);
  if (bits.length < 2) return [];
  if (bits.length > everySubsetMax) return [...bits, ...bits.map((bit) => all & ~bit)];
  const options: number[] = [];
  for (let subset = 1; subset < 2 ** bits.length - 1; subset++) {
    options.push(bits.reduce((mask, bit, i) => ((subset >> i) & 1 ? mask | bit : mask), 0));
  }
  return options;
}
