import { assert } from '../../../core/errors.ts';
import type { CloverLayout } from '../layout.ts';
import type { Reference } from '../pointer.ts';
import { Chain } from './chain.ts';
import { ChainRows } from './chain-rows.ts';

const rowsFirst = 64;

/** Shortcut slots of one memory node that this server may give out. */
interface SlotPool {
  next: number;
  readonly returned: number[];
}

/** The keys of one metadata server, their chains, and the shortcut slots it gives to chains. */
export class Namer {
  readonly #layout: CloverLayout;
  readonly #server: number;
  readonly #byKey = new Map<string, Chain>();
  /** Chains that still have buffers: named ones, and removed ones on their way out. */
  readonly #byNumber = new Map<number, Chain>();
  /** Of those chains, by slot. */
  readonly rows: ChainRows;
  readonly #slots: SlotPool[];
  /** How many chains a slot has had before; absent: none. */
  readonly #generations = new Map<number, number>();
  #keyBytes = 0;

  constructor(layout: CloverLayout, server: number) {
    this.#layout = layout;
    this.#server = server;
    this.rows = new ChainRows(rowsFirst, layout.replicas);
    this.#slots = Array.from({ length: layout.buckets }, () => ({ next: 0, returned: [] }));
  }

  remembers(): unknown {
    const named = [...this.#byKey.values()].map(({ number }) => number);
    const slots = this.#slots.map(({ next, returned }) => [next, returned]);
    return [[...this.#byNumber.values()], named, slots, this.#generations];
  }

  get keys(): number {
    return this.#byKey.size;
  }

  /** Bytes of all key texts. */
  get keyBytes(): number {
    return this.#keyBytes;
  }

  /** Shortcut slots in use. */
  get chains(): number {
    return this.#byNumber.size;
  }

  /** All chains that still have buffers. */
  all(): Iterable<Chain> {
    return this.#byNumber.values();
  }

  find(text: string): Chain | undefined {
    return this.#byKey.get(text);
  }

  chain(number: number): Chain | undefined {
    return this.#byNumber.get(number);
  }

  /** The row of that chain; -1 where it has no buffers any more, or never had. */
  rowOf(number: number): number {
    const row = this.#layout.rowOfSlot(this.#layout.slotOf(number), this.#server);
    return row >= 0 && number > 0 && this.rows.number(row) === number ? row : -1;
  }

  /** The chain whose row that is. */
  chainAt(row: number): Chain {
    return this.#byNumber.get(this.rows.number(row)) as Chain;
  }

  #keep(chain: Chain): void {
    const row = this.#layout.rowOfSlot(this.#layout.slotOf(chain.number), this.#server);
    this.rows.reach(row);
    this.#byNumber.set(chain.number, chain);
    chain.moveTo(this.rows, row);
  }

  /**
   * A chain for a key that is about to be named, with its slot; undefined where all slots are in use.
   * The shortcut lies on the memory node that the key hashes to, or the next that has room: shortcuts
   * given out in order would make one node serve the 8-byte READ of nearly every get.
   */
  prepare(
    text: string,
    hash: number,
    refs: readonly Reference[],
    sequence: number,
  ): Chain | undefined {
    const slot = this.#takeSlot(hash);
    if (slot === undefined) return undefined;
    const generation = (this.#generations.get(slot) ?? 0) + 1;
    this.#generations.set(slot, generation);
    const chain = new Chain(text, slot + generation * this.#layout.slots, refs, sequence);
    this.#keep(chain);
    return chain;
  }

  name(chain: Chain): void {
    assert(!this.#byKey.has(chain.text), 'a key is named twice');
    this.#byKey.set(chain.text, chain);
    this.#keyBytes += chain.text.length;
  }

  /** The key is gone; its chain stays until its last version has been retired. */
  unname(chain: Chain): void {
    if (this.#byKey.get(chain.text) !== chain) return;
    this.#byKey.delete(chain.text);
    this.#keyBytes -= chain.text.length;
  }

  /** A chain that a recovery has found. */
  adopt(chain: Chain): void {
    this.#keep(chain);
    this.name(chain);
  }

  /**
   * Slots that have served a chain before, with the number of the last one: those that `adopt` has not
   * taken are free, and their next chains have later numbers.
   */
  reserve(numbers: Iterable<number>): void {
    for (const number of numbers) {
      const slot = this.#layout.slotOf(number);
      const generation = Math.floor(number / this.#layout.slots);
      this.#generations.set(slot, Math.max(this.#generations.get(slot) ?? 0, generation));
    }
    const used = new Set([...this.#byNumber.keys()].map((number) => this.#layout.slotOf(number)));
    for (const slot of [...this.#generations.keys()].sort((a, b) => a - b)) {
      const [bucket, index] = this.#layout.partsOfSlot(slot, this.#server);
      const pool = this.#slots[bucket] as SlotPool;
      pool.next = Math.max(pool.next, index + 1);
    }
    for (const [bucket, pool] of this.#slots.entries()) {
      for (let index = 0; index < pool.next; index++) {
        const slot = this.#layout.slot(bucket, this.#server, index);
        if (!used.has(slot)) pool.returned.push(index);
      }
    }
  }

  /** The last chain of every slot that has served one. */
  *numbers(): Generator<number> {
    for (const [slot, generation] of this.#generations) {
      yield slot + generation * this.#layout.slots;
    }
  }

  /** The chain has no versions left: its slot may serve another key. */
  forget(chain: Chain): void {
    this.#byNumber.delete(chain.number);
    const slot = this.#layout.slotOf(chain.number);
    const [bucket, index] = this.#layout.partsOfSlot(slot, this.#server);
    (this.#slots[bucket] as SlotPool).returned.push(index);
    // Whoever still holds the chain finds it as it was, and the next one an empty row.
    chain.moveTo(new ChainRows(1, this.#layout.replicas), 0);
  }

  #takeSlot(hash: number): number | undefined {
    const { buckets, servers } = this.#layout;
    // The remainder by `servers` chose this server, so it is the same for all keys here.
    const first = Math.floor(hash / servers);
    for (let i = 0; i < buckets; i++) {
      const bucket = (first + i) % buckets;
      const pool = this.#slots[bucket] as SlotPool;
      const index = pool.returned.pop() ?? this.#fresh(pool);
      if (index !== undefined) return this.#layout.slot(bucket, this.#server, index);
    }
    return undefined;
  }

  #fresh(pool: SlotPool): number | undefined {
    return pool.next < this.#layout.plan.shortcutSlotsPerServer ? pool.next++ : undefined;
  }
}
