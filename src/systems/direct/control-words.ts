import { highHalf, lowHalf, packWord } from '../../core/word.ts';

/**
 * Words at the end of a memory node's pool, about its taking another's place (relocation.ts) and about the
 * compute nodes of the cluster, of which there are n:
 *
 *    0        1        2      3        4           4 + n        4 + 2n
 *   +--------+--------+------+--------+-----------+------------+-----------+
 *   | leader | copied | done | source | n drained | n switched | n present |
 *   +--------+--------+------+--------+-----------+------------+-----------+
 *
 *   leader    held by the incarnation that copies, as a bucket's lock
 *   copied    1: this node has all that it takes over
 *   done      which place it has taken from whom, when every compute node has turned to it
 *   source    of one that is moved from on purpose: the place, to whom, and whether that is final
 *   drained, switched   by compute node, the incarnation that has
 *   present   by compute node, its latest start, and whether that is lost (presence.ts); 0: its first start,
 *             which lives
 */
export const leaderWord = 0;
export const copiedWord = 1;
export const placeDoneWord = 2;
export const sourceWord = 3;
const answersFrom = 4;

export type Answer = 'drained' | 'switched' | 'present';
const answers: readonly Answer[] = ['drained', 'switched', 'present'];

export function answerWord(what: Answer, computeNode: number, computeNodes: number): number {
  return answersFrom + answers.indexOf(what) * computeNodes + computeNode;
}

export function controlWords(computeNodes: number): number {
  return answersFrom + answers.length * computeNodes;
}

/** A memory node that has taken a place, and the memory node that had it before. */
export interface Taken {
  readonly place: number;
  readonly from: number;
}

export function packDone(place: number, from: number): bigint {
  return packWord(place + 1, from);
}

/** Undefined where it has taken none. */
export function unpackDone(word: bigint): Taken | undefined {
  return word === 0n ? undefined : { place: highHalf(word) - 1, from: lowHalf(word) };
}

/** How a move on purpose has been decided for good; `leaves`: what the old node holds is out of date. */
export interface Decision {
  readonly place: number;
  readonly to: number;
  readonly leaves: boolean;
}

export function packDecision({ place, to, leaves }: Decision): bigint {
  return packWord(place + 1, 2 * to + (leaves ? 1 : 0));
}

/** Undefined where nothing has been decided. */
export function unpackDecision(word: bigint): Decision | undefined {
  if (word === 0n) return undefined;
  const low = lowHalf(word);
  return { place: highHalf(word) - 1, to: low >>> 1, leaves: low % 2 === 1 };
}

/** A later start has the larger incarnation, so that words only grow. The first start's is the node's id. */
export function packPresence(incarnation: number, isLost: boolean): number {
  return 2 * incarnation + (isLost ? 1 : 0);
}

export function unpackPresence(word: number) {
  return { incarnation: Math.floor(word / 2), isLost: word % 2 === 1 };
}
