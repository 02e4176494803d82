import { assert } from '../../core/errors.ts';
import type { Fault } from '../../systems/recovery.ts';

/**
 * What the watchman of a run says to the nodes where time is real, outside the memory that they model: a
 * worker in the middle of its programs reads no messages, so they look here. One writer appends notes;
 * each node reads them in order and remembers how far it is. A node that is a process has a board of its
 * own, to which what the watchman changes on his is applied.
 *
 *   0  +-----------------------------------------+
 *      | count | pending | acknowledged | free   |  32-bit words
 *   64 +-----------------------------------------+
 *      | note 0: kind, index, then five numbers  |  doubles, 8 a note
 *      | note 1 …                                |
 *      +-----------------------------------------+
 *      | cuts: a byte for each (from, to)        |
 *      | losses: the same                        |
 *      +-----------------------------------------+
 *      | delays: a double for each (from, to)    |
 *      +-----------------------------------------+
 */
export type Note =
  /** A survivor may know of this fault now. */
  | { readonly kind: 'told'; readonly index: number; readonly fault: Fault }
  | TakeOver
  /** Every wait of a node takes so much longer from now on, or shorter again. */
  | { readonly kind: 'slow'; readonly node: number; readonly byNs: number }
  /** A node starts anew: its peers empty their rings with it, and acknowledge that they have. */
  | { readonly kind: 'reconnect'; readonly node: number }
  /** A node is gone: rings to it stay full. */
  | { readonly kind: 'disconnect'; readonly node: number }
  /** Replies to calls begun before then may never come. */
  | { readonly kind: 'callsLost'; readonly beforeNs: number };

/** The node `fault.successor` becomes the server that was lost, the one of node `place` at the beginning. */
export interface TakeOver {
  readonly kind: 'takeOver';
  readonly place: number;
  readonly fault: Fault;
}

const headBytes = 64;
const noteDoubles = 8;
const notesMax = 4096;
const word = { count: 0, pending: 1, acknowledged: 2 } as const;

const noteKinds = ['told', 'takeOver', 'slow', 'reconnect', 'disconnect', 'callsLost'] as const;
const faultKinds = [
  'computeLost',
  'serverLost',
  'memoryRestarted',
  'memoryLost',
  'memoryMoved',
] as const;
const nobody = -1;

/** What the watchman changed, for nodes that do not share the board's memory. */
export type BoardChange = { readonly note: Note } | { readonly pendingBy: number };

export class FaultBoard {
  /** Hears of changes that nodes elsewhere must know. */
  onChange: (change: BoardChange) => void = () => {};
  onAcknowledged: () => void = () => {};
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #notes: Float64Array;
  readonly #cuts: Uint8Array;
  readonly #losses: Uint8Array;
  readonly #delays: Float64Array;
  readonly #nodes: number;

  constructor(nodes: number, buffer: SharedArrayBuffer = new SharedArrayBuffer(bytesFor(nodes))) {
    this.buffer = buffer;
    this.#nodes = nodes;
    this.#words = new Int32Array(buffer, 0, headBytes / 4);
    this.#notes = new Float64Array(buffer, headBytes, notesMax * noteDoubles);
    const pairs = pairsOf(nodes);
    const from = headBytes + notesMax * noteDoubles * 8;
    this.#cuts = new Uint8Array(buffer, from, pairs);
    this.#losses = new Uint8Array(buffer, from + pairs, pairs);
    this.#delays = new Float64Array(buffer, from + 2 * pairs, pairs);
  }

  // Notes ---------------------------------------------------------------------------------------

  post(note: Note): void {
    const at = this.count;
    assert(at < notesMax, `a run has at most ${notesMax} notes about faults`, 'FARSIDE_LIMIT');
    this.#notes.set(encode(note), at * noteDoubles);
    // Whoever sees the count sees the note.
    Atomics.store(this.#words, word.count, at + 1);
    this.onChange({ note });
  }

  /** A change that the watchman has made on his own board. */
  apply(change: BoardChange): void {
    if ('note' in change) this.post(change.note);
    else this.changePending(change.pendingBy);
  }

  get count(): number {
    return Atomics.load(this.#words, word.count);
  }

  read(index: number): Note {
    return decode(this.#notes.subarray(index * noteDoubles, (index + 1) * noteDoubles));
  }

  /** Faults that have happened and of which nodes have still to hear: nobody leaves before. */
  get pending(): number {
    return Atomics.load(this.#words, word.pending);
  }

  changePending(by: number): void {
    Atomics.add(this.#words, word.pending, by);
    this.onChange({ pendingBy: by });
  }

  acknowledge(): void {
    Atomics.add(this.#words, word.acknowledged, 1);
    this.onAcknowledged();
  }

  get acknowledged(): number {
    return Atomics.load(this.#words, word.acknowledged);
  }

  // Links ---------------------------------------------------------------------------------------

  isCut(from: number, to: number): boolean {
    return Atomics.load(this.#cuts, from * this.#nodes + to) > 0;
  }

  losesCompletions(from: number, to: number): boolean {
    return Atomics.load(this.#losses, from * this.#nodes + to) > 0;
  }

  /** Only a delay: read without ceremony, since nothing depends on when it is seen. */
  delayNs(from: number, to: number): number {
    return this.#delays[from * this.#nodes + to] ?? 0;
  }

  changeCuts(from: number, to: number, by: number): void {
    Atomics.add(this.#cuts, from * this.#nodes + to, by);
  }

  changeLosses(from: number, to: number, by: number): void {
    Atomics.add(this.#losses, from * this.#nodes + to, by);
  }

  changeDelay(from: number, to: number, byNs: number): void {
    const at = from * this.#nodes + to;
    this.#delays[at] = (this.#delays[at] ?? 0) + byNs;
  }
}

/** Rounded up, so that the doubles behind the bytes are aligned. */
function pairsOf(nodes: number): number {
  return Math.ceil((nodes * nodes) / 8) * 8;
}

function bytesFor(nodes: number): number {
  return headBytes + notesMax * noteDoubles * 8 + 10 * pairsOf(nodes);
}

function encode(note: Note): number[] {
  const kind = noteKinds.indexOf(note.kind);
  switch (note.kind) {
    case 'told':
      return [kind, note.index, ...encodeFault(note.fault)];
    case 'takeOver':
      return [kind, note.place, ...encodeFault(note.fault)];
    case 'slow':
      return [kind, note.node, note.byNs];
    case 'reconnect':
    case 'disconnect':
      return [kind, note.node];
    case 'callsLost':
      return [kind, note.beforeNs];
  }
}

function decode(numbers: Float64Array): Note {
  const [code = 0, first = 0, second = 0] = numbers;
  const kind = noteKinds[code] as Note['kind'];
  switch (kind) {
    case 'told':
      return { kind, index: first, fault: decodeFault(numbers.subarray(2)) };
    case 'takeOver':
      return { kind, place: first, fault: decodeFault(numbers.subarray(2)) };
    case 'slow':
      return { kind, node: first, byNs: second };
    case 'reconnect':
    case 'disconnect':
      return { kind, node: first };
    case 'callsLost':
      return { kind, beforeNs: first };
  }
}

function encodeFault(fault: Fault): number[] {
  const kind = faultKinds.indexOf(fault.kind);
  switch (fault.kind) {
    case 'computeLost':
      return [kind, fault.node, fault.incarnation];
    case 'serverLost':
      return [kind, fault.node, fault.incarnation, fault.successor ?? nobody];
    case 'memoryRestarted':
      return [kind, fault.node, fault.start];
    case 'memoryLost':
      return [kind, fault.node, fault.spare ?? nobody];
    case 'memoryMoved':
      return [kind, fault.node, fault.to];
  }
}

function decodeFault(numbers: Float64Array): Fault {
  const [code = 0, node = 0, second = 0, third = nobody] = numbers;
  const kind = faultKinds[code] as Fault['kind'];
  switch (kind) {
    case 'computeLost':
      return { kind, node, incarnation: second };
    case 'serverLost': {
      const lost = { kind, node, incarnation: second };
      return third === nobody ? lost : { ...lost, successor: third };
    }
    case 'memoryRestarted':
      return { kind, node, start: second };
    case 'memoryLost':
      return { kind, node, spare: second === nobody ? undefined : second };
    case 'memoryMoved':
      return { kind, node, to: second };
  }
}
