import { getSystemErrorName } from 'node:util';
import { assert } from '../../core/errors.ts';
import {
  type Cq,
  type Mr,
  type Native,
  type NativeRing,
  type Pd,
  type Qp,
  type RemoteRegion,
  type RingHandle,
  type RingStatistics,
  wcStatusNames,
} from './native.ts';

/**
 * The ring of work requests and completions that JavaScript shares with the addon: native/ring.h draws it
 * and says what its accounting rests on. Offsets in 32-bit words:
 *
 *   0 submitted count | 16: submitted slots, C | 16 + C: completions, 2C of 4 | 16 + 9C: slots, C of 16
 *
 *   completion   slot, status, detail, queue
 *   slot         0 op + flags   1 length   2 queue   3 local | remote << 16 (regions)
 *                4,5 local offset   6,7 remote offset   8,9 operand   10,11 compare   12,13 result
 *                14 immediate, or type of flush
 */
const headWords = 16;
const completionWords = 4;
const slotWords = 16;
export const slotWord = {
  op: 0,
  length: 1,
  queue: 2,
  regions: 3,
  local: 4,
  remote: 6,
  operand: 8,
  compare: 10,
  result: 12,
  immediate: 14,
} as const;

/** As `verbOp` of src/core, and one that wakes its receiver. */
export const ringOp = {
  read: 0,
  write: 1,
  cas: 2,
  faa: 3,
  flush: 4,
  atomicWrite: 5,
  writeImm: 6,
} as const;
export type RingOp = (typeof ringOp)[keyof typeof ringOp];

/** Or'd to the op. `word`: the local side is the slot's own operand (WRITE) or result (READ). */
export const ringFlag = { fenced: 1 << 8, signalled: 1 << 9, word: 1 << 10 } as const;

export const flushType = { global: 1, persistent: 2 } as const;

/** In place of a slot: an immediate came in, and is in `detail`. */
export const immediateSlot = 0xffffffff;

const neverPosted = 0x8000;
const two32 = 2 ** 32;

/** What a status says of the verb: done, definitely not done, or posted and never confirmed. */
export type RingOutcome = 'ok' | 'failed' | 'unknown';

/**
 * `failed` where the verb was never posted, or where the responder refused it: it checks the key, the
 * range and the rights of a whole request before it acts on its first byte. Everything else may have taken
 * effect, and what looks local, too: a WRITE of several packets that meets a local error has sent some.
 */
export function outcomeOf(status: number): RingOutcome {
  if (status === 0) return 'ok';
  if (status >= neverPosted) return 'failed';
  const name = wcStatusNames[status];
  return name === 'REM_ACCESS_ERR' || name === 'REM_INV_REQ_ERR' ? 'failed' : 'unknown';
}

/** For people: `RETRY_EXC_ERR, vendor error 0x81`, `not posted: ENOTCONN`. */
export function describeStatus(status: number, detail: number): string {
  if (status === 0) return 'SUCCESS';
  if (status >= neverPosted) return `not posted: ${getSystemErrorName(neverPosted - status)}`;
  const name = wcStatusNames[status] ?? `status ${status}`;
  return detail === 0 ? name : `${name}, vendor error 0x${detail.toString(16)}`;
}

/**
 * One ring: verbs of many queue pairs, which share a completion queue and a protection domain, of one
 * thread. Take a slot, fill its words, submit it; `postAndPoll` posts what was submitted, in order and in
 * one doorbell a queue, and reaps. A slot stays taken until it is released, after its completion.
 *
 * Nothing here allocates or makes a bigint; `words` is open to whoever fills slots in a loop of its own.
 */
export class VerbRing {
  readonly handle: RingHandle;
  readonly capacity: number;
  /** The whole ring; `slotAt(slot)` is where a slot's words begin. */
  readonly words: Uint32Array;
  readonly #native: Native;
  readonly #ring: NativeRing;
  readonly #free: Uint32Array;
  #freeCount: number;
  #submitted = 0;
  readonly #completionsAt: number;
  readonly #slotsAt: number;

  /** `capacity`: verbs in flight at most, a multiple of 16. */
  constructor(native: Native, pd: Pd, cq: Cq, capacity: number) {
    const bytes = new Uint8Array(new SharedArrayBuffer(native.ringBytes(capacity)));
    this.#native = native;
    this.#ring = native.createRing(pd, cq, bytes, capacity);
    this.handle = this.#ring.ring;
    this.capacity = capacity;
    this.words = new Uint32Array(
      bytes.buffer,
      this.#ring.byteOffset,
      headWords + capacity * (1 + 2 * completionWords + slotWords),
    );
    this.#completionsAt = headWords + capacity;
    this.#slotsAt = headWords + capacity * (1 + 2 * completionWords);
    // Taken from the end, so that the lowest slots, the warmest ones, are used first.
    this.#free = Uint32Array.from({ length: capacity }, (_, i) => capacity - 1 - i);
    this.#freeCount = capacity;
  }

  /** Puts a queue pair under this ring; gives the number that slots name it by. */
  addQp(qp: Qp, options?: { inlineBytesMax?: number; readsMax?: number }): number {
    return this.#native.ringAddQp(this.handle, qp, options);
  }

  setLocal(index: number, mr: Mr): void {
    this.#native.ringSetLocal(this.handle, index, mr);
  }

  setRemote(index: number, region: RemoteRegion): void {
    this.#native.ringSetRemote(this.handle, index, region);
  }

  /** Keeps `count` receives posted for WRITE_WITH_IMM, of the `maxRecvWr` of the queue pair. */
  postReceives(queue: number, count: number): void {
    this.#native.ringPostReceives(this.handle, queue, count);
  }

  get statistics(): RingStatistics {
    return this.#native.ringStatistics(this.handle);
  }

  /** Slots that can be taken. */
  get free(): number {
    return this.#freeCount;
  }

  /** A slot of the caller's; -1 where all are taken. */
  take(): number {
    if (this.#freeCount === 0) return -1;
    return this.#free[--this.#freeCount] as number;
  }

  /** Gives a slot back: one that was completed, or was never submitted. */
  release(slot: number): void {
    assert(this.#freeCount < this.capacity, () => `slot ${slot} was released twice`);
    this.#free[this.#freeCount++] = slot;
  }

  slotAt(slot: number): number {
    return this.#slotsAt + slot * slotWords;
  }

  /**
   * Fills what every verb has. `head` is a `ringOp`, or'd with `ringFlag`s; offsets are in bytes, within
   * region `local` of this ring and `remote` of the peer.
   */
  fill(
    slot: number,
    head: number,
    queue: number,
    lengthBytes: number,
    remote: number,
    remoteOffset: number,
    local = 0,
    localOffset = 0,
  ): void {
    const { words } = this;
    const at = this.#slotsAt + slot * slotWords;
    words[at] = head;
    words[at + slotWord.length] = lengthBytes;
    words[at + slotWord.queue] = queue;
    words[at + slotWord.regions] = local | (remote << 16);
    words[at + slotWord.local] = localOffset;
    words[at + slotWord.local + 1] = localOffset < two32 ? 0 : localOffset / two32;
    words[at + slotWord.remote] = remoteOffset;
    words[at + slotWord.remote + 1] = remoteOffset < two32 ? 0 : remoteOffset / two32;
  }

  /** Two halves of a 64-bit word of the slot: `slotWord.operand`, say. */
  setWord(slot: number, word: number, low: number, high: number): void {
    const at = this.#slotsAt + slot * slotWords + word;
    this.words[at] = low;
    this.words[at + 1] = high;
  }

  submit(slot: number): void {
    this.words[headWords + this.#submitted++] = slot;
  }

  /**
   * Posts what was submitted, then reaps: gives the number of completions, which stay readable until the
   * next call. RangeError where a slot was filled wrongly: then none of this call's was posted.
   */
  postAndPoll(): number {
    this.words[0] = this.#submitted;
    this.#submitted = 0;
    return this.#ring.postAndPoll();
  }

  /** The first half of `postAndPoll`. It may give completions, too: of what could not be posted. */
  postSend(): number {
    this.words[0] = this.#submitted;
    this.#submitted = 0;
    return this.#ring.postSend();
  }

  pollCq(): number {
    return this.#ring.pollCq();
  }

  /** Of completion `i`: its slot, or `immediateSlot`. */
  completedSlot(i: number): number {
    return this.words[this.#completionsAt + i * completionWords] as number;
  }

  /** 0 is ok; `describeStatus` and `outcomeOf` tell the rest. */
  completedStatus(i: number): number {
    return this.words[this.#completionsAt + i * completionWords + 1] as number;
  }

  /** The vendor's error, or the immediate. */
  completedDetail(i: number): number {
    return this.words[this.#completionsAt + i * completionWords + 2] as number;
  }

  completedQueue(i: number): number {
    return this.words[this.#completionsAt + i * completionWords + 3] as number;
  }

  resultLow(slot: number): number {
    return this.words[this.#slotsAt + slot * slotWords + slotWord.result] as number;
  }

  resultHigh(slot: number): number {
    return this.words[this.#slotsAt + slot * slotWords + slotWord.result + 1] as number;
  }
}
