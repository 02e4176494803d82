import { assert, FarsideError } from '../core/errors.ts';
import type { Key } from '../core/key.ts';
import { LineTolerance } from './line-errors.ts';
import {
  applyTo,
  operationOf,
  TraceEvents,
  type TraceFile,
  type TraceReading,
} from './trace-events.ts';
import { keyFlags, storedKey, type TraceKeys } from './trace-keys.ts';
import type { TraceAction } from './trace-line.ts';
import type { TraceFacts } from './trace-scan.ts';
import { TraceTimes } from './trace-times.ts';
import type { Operation, OperationSource, Share } from './workload.ts';

/** Operations that wait for an insert or a delete of their key, in one process. */
const waitingMax = 1024;

/** Keys kept built: some 20 MB. */
const keysHeldMax = 2 ** 16;

export interface TraceStreamSpec {
  readonly file: TraceFile;
  readonly reading: TraceReading;
  readonly facts: TraceFacts;
  readonly badLinesMax: number;
  readonly ticksPerS: number;
  readonly speed: number;
  /** Of every value that is written; undefined: as the trace says. */
  readonly valueBytes: number | undefined;
}

interface Waiting {
  readonly slot: number;
  readonly text: string;
  readonly keyBytes: number;
  readonly action: TraceAction;
  readonly valueBytes: number;
  readonly atNs: number;
}

/**
 * One pass over a trace by all clients of a process. They share one reader, since a thousand
 * clients cannot each decompress the file, and whichever of them is free takes the next line that
 * belongs to this process: those whose key's hash falls on one of its clients' shares. So all lines
 * of a key are done by one process, and begin in the trace's order.
 *
 * Why not a queue for each client, by hash? Its memory has no bound. A key with a third of all
 * lines would make one client's queue grow as fast as the others drain theirs, unless they stop and
 * wait for it (a source cannot wait); and one client per key would take all contention out of the
 * trace, which is what a disaggregated store has to cope with. The traces themselves come from many
 * front ends at once.
 *
 * What must not happen is a client updating a key whose insert, by another client, has not ended:
 * the store would answer "no such key". Hence operations on a key with an insert or delete in
 * flight wait, in order, until it ends; others overtake them. At most `waitingMax` wait: beyond,
 * the oldest goes ahead, as its front end would have.
 */
export class TraceStream {
  readonly #spec: TraceStreamSpec;
  readonly #keys: TraceKeys;
  readonly #loading: boolean;
  readonly #times: TraceTimes;
  readonly #members = new Set<number>();
  #of = 1;
  /** Of the trace, those of other processes included; and how many have been read. */
  #operationsMax = Number.POSITIVE_INFINITY;
  #read = 0;
  #phase = 0;
  #events: TraceEvents | undefined;
  #waiting: Waiting[] = [];
  /** Something ended that operations may have waited for. */
  #released = false;
  /** Inserts and deletes in flight by key: more than one where one could not wait. */
  readonly #changing = new Map<Key, { readonly slot: number; inFlight: number }>();
  readonly #held: (Key | undefined)[] = new Array<Key | undefined>(keysHeldMax).fill(undefined);
  readonly #heldSlots = new Int32Array(keysHeldMax).fill(-1);

  constructor(spec: TraceStreamSpec, phase: 'load' | 'run') {
    this.#spec = spec;
    this.#keys = spec.facts.keys;
    this.#loading = phase === 'load';
    this.#times = new TraceTimes(spec.facts.stretches, spec.ticksPerS, spec.speed);
  }

  /** Whether its first operation was taken: who joins later needs a pass of its own. */
  get begun(): boolean {
    return this.#events !== undefined;
  }

  join(share: Share, operationsMax = Number.POSITIVE_INFINITY): OperationSource {
    this.#members.add(share.index);
    this.#of = share.of;
    this.#operationsMax = operationsMax;
    if (this.#loading) return { next: (into) => this.#nextToLoad(into) };
    return {
      next: (into) => this.#next(into),
      done: (operation) => this.#ended(operation),
    };
  }

  #nextToLoad(into: Operation): boolean {
    const events = this.#open();
    const keys = this.#keys;
    while (events.next()) {
      const { text, keyBytes } = events.event;
      const slot = this.#slotOf(text);
      if (!keys.has(slot, keyFlags.toLoad) || keys.has(slot, keyFlags.loaded)) continue;
      keys.set(slot, keyFlags.loaded);
      if (!this.#isOurs(keys.hash)) continue;
      into.kind = 'insert';
      into.key = storedKey(text, keyBytes);
      into.valueBytes = this.#spec.valueBytes ?? keys.valueBytes(slot);
      into.scanLength = 0;
      into.atNs = 0;
      return true;
    }
    return false;
  }

  #next(into: Operation): boolean {
    const events = this.#open();
    const keys = this.#keys;
    if (this.#released && this.#issueReleased(into)) return true;
    while (this.#read < this.#operationsMax && events.next()) {
      this.#read++;
      const { event } = events;
      const atNs = this.#times.atNs(event.time);
      const slot = this.#slotOf(event.text);
      if (!this.#isOurs(keys.hash)) continue;
      const { text, keyBytes, action, valueBytes } = event;
      const line: Waiting = { slot, text, keyBytes, action, valueBytes, atNs };
      if (!keys.has(slot, keyFlags.changing | keyFlags.waiting)) return this.#issue(line, into);
      keys.set(slot, keyFlags.waiting);
      this.#waiting.push(line);
      if (this.#waiting.length > waitingMax) return this.#issueWaiting(0, into);
    }
    return this.#waiting.length > 0 && this.#issueWaiting(0, into);
  }

  #issueReleased(into: Operation): boolean {
    const first = this.#waiting.findIndex(({ slot }) => !this.#keys.has(slot, keyFlags.changing));
    if (first >= 0) return this.#issueWaiting(first, into);
    this.#released = false;
    return false;
  }

  #issueWaiting(index: number, into: Operation): boolean {
    const line = this.#waiting[index] as Waiting;
    this.#waiting.splice(index, 1);
    if (!this.#waiting.some(({ slot }) => slot === line.slot)) {
      this.#keys.clear(line.slot, keyFlags.waiting);
    }
    return this.#issue(line, into);
  }

  #issue(line: Waiting, into: Operation): true {
    const keys = this.#keys;
    const { slot } = line;
    const kind = operationOf(line.action, keys.has(slot, keyFlags.present));
    into.kind = kind;
    into.key = this.#keyAt(line);
    const writes = kind === 'insert' || kind === 'update' || kind === 'readmodifywrite';
    const bytes = this.#spec.valueBytes ?? (line.valueBytes || keys.valueBytes(slot));
    into.valueBytes = writes ? bytes : 0;
    into.scanLength = 0;
    into.atNs = line.atNs;
    applyTo(keys, slot, kind);
    if (kind === 'insert' || kind === 'delete') {
      keys.set(slot, keyFlags.changing);
      const changing = this.#changing.get(into.key);
      if (changing === undefined) this.#changing.set(into.key, { slot, inFlight: 1 });
      else changing.inFlight++;
    }
    return true;
  }

  #ended({ kind, key }: Operation): void {
    if (kind !== 'insert' && kind !== 'delete') return;
    const changing = this.#changing.get(key);
    if (changing === undefined || --changing.inFlight > 0) return;
    this.#changing.delete(key);
    this.#keys.clear(changing.slot, keyFlags.changing);
    this.#released = true;
  }

  #open(): TraceEvents {
    if (this.#events !== undefined) {
      assert(this.#phase === this.#keys.phase, 'a client joined a replay that had begun');
      return this.#events;
    }
    const { file, reading, badLinesMax } = this.#spec;
    this.#phase = this.#keys.restart();
    this.#events = new TraceEvents(file, reading, new LineTolerance(badLinesMax));
    return this.#events;
  }

  #isOurs(hash: number): boolean {
    return this.#members.size === this.#of || this.#members.has(hash % this.#of);
  }

  #slotOf(text: string): number {
    const before = this.#keys.count;
    const slot = this.#keys.slotOf(text);
    if (this.#keys.count === before) return slot;
    throw new FarsideError(
      'FARSIDE_INPUT',
      `${this.#spec.file.name}: changed while it was replayed`,
    );
  }

  #keyAt({ slot, text, keyBytes }: Waiting): Key {
    const place = slot & (keysHeldMax - 1);
    const held = this.#held[place];
    if (held !== undefined && this.#heldSlots[place] === slot) return held;
    const key = storedKey(text, keyBytes);
    this.#held[place] = key;
    this.#heldSlots[place] = slot;
    return key;
  }
}
