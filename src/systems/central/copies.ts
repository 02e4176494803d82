import { type Address, nodeOf } from '../../core/address.ts';
import {
  compute,
  type Program,
  readWord,
  reconnect,
  settle,
  sleep,
  spawn,
  until,
  type Verb,
  VerbError,
  verbStatus,
  write,
  writeWord,
} from '../../core/effect.ts';
import type { BufferAllocator, Label } from './allocator.ts';
import { chunkWord } from './chunk.ts';
import type { EntryTable } from './entry-table.ts';
import { type MemoryNodes, patience } from './memory-nodes.ts';
import type { VoidList } from './void-list.ts';

/** A record that is, or may be, whole on memory nodes and is not the committed one. */
export interface Remains {
  readonly entry: number;
  readonly buffers: readonly Address[];
}

interface Debt {
  /** That stays unsettled for it; undefined where the record is known to be invalid. */
  entry: number | undefined;
  readonly buffer: Address;
  /** The WRITE of the record itself has an unknown outcome: zeroing it may not be the last word. */
  readonly mayBecomeWhole: boolean;
  /** When the verb of unknown outcome was posted, or before; minus infinity where none is unknown. */
  readonly postedNs: number;
}

/** A verb to the buffer ended unknown and was sent again: the first one may act at any later time. */
interface Doubt {
  readonly postedNs: number;
  /** It was a WRITE of a record, and no zeroing one. */
  readonly mayBecomeWhole: boolean;
}

const noDoubt: Doubt = { postedNs: Number.NEGATIVE_INFINITY, mayBecomeWhole: false };

const probeFirstNs = 10_000;
const probeLastNs = 2_000_000;

/** What `Copies` works on. */
export interface CopiesSetting {
  readonly table: EntryTable;
  readonly allocator: BufferAllocator;
  readonly nodes: MemoryNodes;
  readonly voids: VoidList;
  readonly nowNs: () => number;
  readonly events: {
    frees: number;
    buffersOwed: number;
    buffersVoided: number;
    nodesDown: number;
  };
  /** Runs when a node that was down answers again, before anything new is put there. */
  readonly onAnswer: (node: number) => Program<unknown>;
}

/**
 * Records on memory nodes: written where nobody can reach them yet, and made invalid before their
 * buffers are used again.
 *
 * A buffer is *owed* while it may hold a whole record that must not be there, or while a verb of
 * unknown outcome may still change it. Nobody gets the buffer; and its entry stays unsettled, so that no
 * delete of the key is acknowledged, until its record is invalid for good or the buffer is listed as void
 * (void-list.ts), which happens as soon as its node answers. The debt is paid when the node has started anew
 * (no verb to its former start can act) and the record is made invalid, when the node is lost for good, or
 * by whoever takes over, after fencing.
 */
export class Copies {
  protected readonly setting: CopiesSetting;
  #owed: Debt[] = [];
  /** Of buffers in use. */
  readonly #doubts = new Map<Address, Doubt>();
  /** When this coordinator was told last that a node had started anew. */
  readonly #startedNs = new Map<number, number>();
  /** Nodes whose debts are being paid. */
  readonly #paying = new Set<number>();
  /** Buffers on their way to the free list. */
  retiring = 0;

  constructor(setting: CopiesSetting) {
    this.setting = setting;
  }

  /**
   * WRITEs a record to all its buffers at once, without any lock: nobody can reach them yet. In
   * `flush` durability each WRITE is followed by its FLUSH in the same doorbell; verbs of one queue
   * pair execute in post order, so one wait covers both.
   *
   * Throws where a copy could not be written. `buffers` then holds those that the caller has still to
   * retire; one whose WRITE has an unknown outcome is owed.
   */
  *write(entry: number, buffers: Address[], record: Uint8Array): Program<void> {
    const { allocator } = this.setting;
    const verbs: Verb<unknown>[] = [];
    const ofCopy: Verb<unknown>[][] = [];
    const labels: { label: Label; verb: Verb<unknown> }[] = [];
    for (const buffer of buffers) {
      const copy: Verb<unknown>[] = [];
      // The class word of a chunk must be there before a record in it counts. Everyone who takes a
      // buffer sends it until one such WRITE is known to be done: the first to take one may be
      // slower than the second, whose record would be committed in a chunk without a label.
      const label = allocator.missingLabel(buffer);
      if (label !== undefined) {
        const verb = writeWord(label.address, chunkWord(label.classIndex));
        labels.push({ label, verb });
        copy.push(...this.durable(verb));
      }
      copy.push(...this.durable(write(buffer, record)));
      ofCopy.push(copy);
      verbs.push(...copy);
    }
    const postedNs = this.setting.nowNs();
    yield* settle(...verbs);
    for (const { label, verb } of labels) {
      if (verb.status === verbStatus.ok) allocator.labelled(label);
    }
    const bad = verbs.find((verb) => verb.status !== verbStatus.ok);
    if (bad === undefined) return;
    const usable = buffers.filter((buffer, i) => {
      if (!isUnknown(ofCopy[i] as Verb<unknown>[])) return true;
      this.#owe({ entry, buffer, mayBecomeWhole: true, postedNs });
      return false;
    });
    buffers.splice(0, buffers.length, ...usable);
    yield* this.mend(verbs);
    throw new VerbError(bad);
  }

  /** Remains are to be expected: until `retire` has run, a put may wait for their buffers. */
  announce({ entry, buffers }: Remains): void {
    this.retiring += buffers.length;
    (this.setting.table.stale[entry] as number)++;
  }

  /**
   * Ends the remains of a record that `announce` was told of: makes each copy invalid by zeroing
   * the first word of its head, and only then frees its buffer, so that no later WRITE into the
   * buffer can be hit. No reader can be on it: the map was flipped under the entry's write lock.
   */
  *retire(remains: Remains): Program<void> {
    const { table } = this.setting;
    yield* this.invalidate(remains.entry, remains.buffers);
    this.retiring -= remains.buffers.length;
    (table.stale[remains.entry] as number)--;
    (table.unsettled[remains.entry] as number)--;
    table.dropIfUnused(remains.entry);
  }

  /** Of a live or unsettled entry. What cannot be made invalid now is owed. */
  *invalidate(entry: number, buffers: readonly Address[]): Program<void> {
    const { nodes } = this.setting;
    const there = buffers.filter((buffer) => !nodes.isGone(buffer));
    if (there.length === 0) return;
    const words = there.map((buffer) => this.durable(writeWord(buffer, 0n)));
    const verbs = words.flat();
    const postedNs = this.setting.nowNs();
    yield* settle(...verbs);
    yield* compute('allocate', there.length);
    for (const [i, buffer] of there.entries()) {
      const zeroing = words[i] as Verb<unknown>[];
      // Lost meanwhile, and its buffers with it.
      if (nodes.isGone(buffer)) continue;
      if (zeroing.every((verb) => verb.status === verbStatus.ok)) {
        this.release(buffer, entry);
      } else {
        const { mayBecomeWhole, ...doubt } = this.#takeDoubt(buffer);
        const sinceNs = isUnknown(zeroing) ? postedNs : doubt.postedNs;
        this.#owe({ entry, buffer, mayBecomeWhole, postedNs: sinceNs });
      }
    }
    if (verbs.some((verb) => verb.status !== verbStatus.ok)) yield* this.mend(verbs);
    if (this.#unsettledOn(there)) yield* this.#payNow(there);
  }

  /** A verb from when it was in use keeps a buffer in doubt that could be zeroed at once. */
  #unsettledOn(buffers: readonly Address[]): boolean {
    return this.#owed.some(({ entry, buffer }) => entry !== undefined && buffers.includes(buffer));
  }

  /** Of nodes that do not serve, debts are paid before they do. */
  *#payNow(buffers: readonly Address[]): Program<void> {
    for (const node of new Set(buffers.map(nodeOf))) {
      if (this.setting.nodes.status(node) === 'serving')
        yield* spawn(this.payDebts(node), 'retire');
    }
  }

  protected durable(verb: Verb<unknown>): Verb<unknown>[] {
    return this.setting.nodes.durable(verb);
  }

  /** Gives the program new queue pairs for those that broke, and has their nodes watched. */
  *mend(verbs: readonly Verb<unknown>[]): Program<void> {
    const { nodes, allocator, events } = this.setting;
    const silent = new Set<number>();
    for (const verb of verbs) if (verb.status !== verbStatus.ok) silent.add(nodeOf(verb.address));
    for (const node of silent) {
      if (nodes.status(node) === 'left') continue;
      if (nodes.status(node) === 'serving') {
        nodes.set(node, 'down');
        allocator.close(node);
        events.nodesDown++;
        yield* spawn(this.#watch(node), 'watch');
      }
      yield* reconnect(node);
    }
  }

  *#watch(node: number): Program<void> {
    const { nodes, onAnswer } = this.setting;
    for (let waitNs = probeFirstNs; ; waitNs = Math.min(2 * waitNs, probeLastNs)) {
      yield* sleep(waitNs);
      if (nodes.status(node) !== 'down') return;
      yield* reconnect(node);
      const probe = readWord(nodes.control(node));
      yield* settle(probe);
      if (probe.status === verbStatus.ok) break;
    }
    yield* onAnswer(node);
  }

  /** Of a buffer in use; see `Doubt`. */
  doubt(buffer: Address, postedNs: number, mayBecomeWhole: boolean): void {
    const before = this.#doubts.get(buffer) ?? noDoubt;
    const both = mayBecomeWhole || before.mayBecomeWhole;
    this.#doubts.set(buffer, { postedNs, mayBecomeWhole: both });
  }

  #takeDoubt(buffer: Address): Doubt {
    const doubt = this.#doubts.get(buffer) ?? noDoubt;
    this.#doubts.delete(buffer);
    return doubt;
  }

  /**
   * The record in the buffer is invalid: the buffer is free; or it is owed where a verb in doubt may still
   * hit it. `entry`: whose record it was, where there is such an entry still.
   */
  release(buffer: Address, entry?: number): void {
    const { allocator, events, nodes, voids } = this.setting;
    const { postedNs, mayBecomeWhole } = this.#takeDoubt(buffer);
    if (nodes.isGone(buffer)) return;
    if (this.#isOver(buffer, postedNs)) {
      voids.forget(buffer);
      allocator.free(buffer);
      events.frees++;
    } else {
      this.#owe({ entry: mayBecomeWhole ? entry : undefined, buffer, mayBecomeWhole, postedNs });
    }
  }

  /** Whether no verb to the buffer that was posted then, or before, can act any more. */
  #isOver(buffer: Address, postedNs: number): boolean {
    return postedNs <= (this.#startedNs.get(nodeOf(buffer)) ?? Number.NEGATIVE_INFINITY);
  }

  #owe(debt: Debt): void {
    const { table, events, nodes } = this.setting;
    // Lost while the verb was under way.
    if (nodes.isGone(debt.buffer)) return;
    if (debt.entry !== undefined) {
      (table.unsettled[debt.entry] as number)++;
      (table.stale[debt.entry] as number)++;
    }
    this.#owed.push(debt);
    events.buffersOwed++;
  }

  /**
   * The node has started anew: no verb to its former start can act any more. A verb ends `unknown` only
   * long after the node has stopped, often after it is back; so debts are known by when their verbs were
   * posted. (That takes every verb posted before now for one to the former start. It is wrong for one
   * that was posted in the moment between the restart and this call, by a program that had made itself
   * a new queue pair already, and whose completion then got lost as well.)
   */
  startedAnew(node: number): void {
    this.#startedNs.set(node, this.setting.nowNs());
    this.setting.nodes.restarts.push(node);
  }

  /**
   * Pays the debts on a node: makes the records there invalid. Where the node has not started anew
   * since, the buffers stay out of use: even the zeroing WRITE that was never confirmed could hit their
   * next record. Those in which a record may yet become whole are listed as void.
   *
   * Also those that come while it pays: a verb to the former start may end just now, and whoever learns of
   * it leaves it to the payer, since the node is down already. When this returns none is left untried,
   * and its caller lets the node serve before the next yield.
   *
   * One at a time on a node: of two, one could be about to list a buffer, by a verb that it has to send
   * again, when the other finds that the node has started anew, clears the list and frees the buffer.
   */
  *payDebts(node: number): Program<number> {
    yield* until(() => !this.#paying.has(node), patience.firstNs);
    this.#paying.add(node);
    try {
      let paid = 0;
      const tried = new Set<Debt>();
      for (;;) {
        const debt = this.#owed.find((owed) => nodeOf(owed.buffer) === node && !tried.has(owed));
        if (debt === undefined) return paid;
        tried.add(debt);
        if (yield* this.#pay(debt)) paid++;
      }
    } finally {
      this.#paying.delete(node);
    }
  }

  /** False where the buffer stays owed, or is lost. */
  *#pay(debt: Debt): Program<boolean> {
    const { nodes, voids, events } = this.setting;
    const { buffer, mayBecomeWhole } = debt;
    const inDoubt = (_: unknown, postedNs: number): void => this.doubt(buffer, postedNs, false);
    const zero = (): Verb<unknown>[] => this.durable(writeWord(buffer, 0n));
    if (!(yield* nodes.surely(nodeOf(buffer), zero, inDoubt))) return false;
    const isOver = this.#isOver(buffer, debt.postedNs);
    if (isOver) yield* voids.clear(buffer, inDoubt);
    const isVoid = !isOver && mayBecomeWhole && (yield* voids.add(buffer, inDoubt));
    if (!this.#owed.includes(debt)) return false;
    if (isVoid && debt.entry !== undefined) events.buffersVoided++;
    if (isOver || isVoid || !mayBecomeWhole) this.#settle(debt);
    if (!isOver) return false;
    this.#drop(debt);
    this.release(buffer);
    return true;
  }

  /** The node is lost: what it held, nobody will ever find. */
  forgiveDebts(node: number): void {
    for (const debt of this.#owed.filter(({ buffer }) => nodeOf(buffer) === node)) {
      this.#settle(debt);
      this.#drop(debt);
    }
  }

  #settle(debt: Debt): void {
    const { table } = this.setting;
    const { entry } = debt;
    if (entry === undefined) return;
    debt.entry = undefined;
    (table.stale[entry] as number)--;
    (table.unsettled[entry] as number)--;
    table.dropIfUnused(entry);
  }

  #drop(debt: Debt): void {
    this.#owed = this.#owed.filter((owed) => owed !== debt);
    this.setting.events.buffersOwed--;
  }

  /** Buffers that nobody may use, though no entry names them. */
  get owed(): readonly Address[] {
    return this.#owed.map(({ buffer }) => buffer);
  }
}

function isUnknown(verbs: readonly Verb<unknown>[]): boolean {
  return verbs.some((verb) => verb.status === verbStatus.unknown);
}
