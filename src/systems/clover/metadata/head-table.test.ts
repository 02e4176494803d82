import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CloverStore } from '../../../../test/support/clover-store.ts';
import { UnkindMemory } from '../../../../test/support/unkind-memory.ts';
import {
  type Effect,
  effectKind,
  localOp,
  type Program,
  type Verb,
  verbOp,
  verbStatus,
  writeWord,
} from '../../../core/effect.ts';
import { assert } from '../../../core/errors.ts';
import { type RandomStream, randomStream } from '../../../core/random.ts';
import { highHalf, lowHalf } from '../../../core/word.ts';
import type { Region } from '../../../memory/cluster.ts';
import { nextSequence, type Reference, reference } from '../pointer.ts';
import { Chain } from './chain.ts';
import { entryBytes, entryFrom } from './head-entry.ts';
import { HeadTable, headRegion } from './head-table.ts';
import { LateVerbs } from './late-verbs.ts';

const slot = 3;

/** A server's table and that of its standby, with verbs of which the completion is lost. */
class Pair {
  readonly memory: UnkindMemory;
  heads: HeadTable;
  readonly late = new LateVerbs();
  /** Crashes the server at its so manieth effect from now on. */
  crashesAt = Number.POSITIVE_INFINITY;
  readonly layout: CloverStore['servers'][0]['layout'];
  readonly #at: number;
  readonly #table: Region;
  readonly #dice: RandomStream;
  readonly #asWrites: boolean;
  /** Verbs that may act at any later time, in order of each queue pair. */
  #inDoubt: Verb<unknown>[][] = [];
  readonly #look: () => void;
  readonly #open: () => HeadTable;

  constructor(seed: number, replicas: number, asWrites: boolean, look: (pair: Pair) => void) {
    const store = new CloverStore({ computeNodes: 1, memoryNodes: 3, replicas, standbys: 1 });
    const { site, layout } = (store.servers[0] as CloverStore['servers'][0]).state;
    this.#dice = randomStream(seed, 'late verbs');
    this.#asWrites = asWrites;
    this.#look = () => look(this);
    this.memory = new UnkindMemory(site.cluster, 'assumed', this.#dice);
    this.layout = layout;
    this.#open = () => new HeadTable(site, layout, 0, this.late);
    this.heads = this.#open();
    const standby = (site.cluster.withRole('standby')[0] as { id: number }).id;
    this.#table = site.cluster.region(standby, headRegion);
    this.#at = slot * entryBytes(replicas);
  }

  /** Where the standby would begin. */
  get entry(): ReturnType<typeof entryFrom> {
    const end = this.#at + entryBytes(this.layout.replicas);
    return entryFrom(this.memory.region(this.#table).subarray(this.#at, end), this.layout);
  }

  /** Gives false where it threw. */
  run(program: Program<unknown>): boolean {
    try {
      for (;;) {
        const step = program.next();
        if (step.done === true) return true;
        this.#perform(step.value);
        this.#look();
        if (--this.crashesAt <= 0) return false;
      }
    } catch {
      return false;
    }
  }

  /** The server starts anew; what its former start had on its way to the standby is fenced there. */
  *restart(levels: boolean): Program<Chain[]> {
    this.#inDoubt = [];
    this.heads = this.#open();
    const entries = yield* this.heads.load();
    if (levels) yield* this.heads.level();
    return entries.map(
      ({ number, refs, sequence }) => new Chain('key', number, [...refs], sequence),
    );
  }

  #perform(effect: Effect): void {
    if (effect.kind === effectKind.local) this.memory.local(effect);
    if (effect.kind !== effectKind.batch) return;
    const breaksAt = this.#dice.below(3) === 0 ? this.#dice.below(effect.verbs.length) : -1;
    if (breaksAt >= 0) this.#inDoubt.push(effect.verbs.slice(breaksAt).map((verb) => verb.copy()));
    for (const [i, verb] of effect.verbs.entries()) {
      this.#someActLate();
      if (breaksAt >= 0 && i >= breaksAt) verb.status = verbStatus.unknown;
      else this.#act(verb);
    }
  }

  #someActLate(): void {
    while (this.#inDoubt.length > 0 && this.#dice.below(4) === 0) {
      const queue = this.#inDoubt[this.#dice.below(this.#inDoubt.length)] as Verb<unknown>[];
      const verb = queue.shift();
      if (verb !== undefined) this.#act(verb);
      this.#look();
    }
  }

  #act(verb: Verb<unknown>): void {
    if (this.#asWrites && verb.op === verbOp.cas) {
      this.memory.act(writeWord(verb.address, verb.operand));
      verb.low = lowHalf(verb.compare);
      verb.high = highHalf(verb.compare);
      verb.status = verbStatus.ok;
    } else this.memory.act(verb);
  }
}

/**
 * A slot serves chain after chain, each opened, moved and ended; the standby may take over at any moment.
 * Gives how often it would have begun from a head that is retired, or of a chain before.
 */
function staleTakeOvers(seed: number, replicas: number, asWrites: boolean): number {
  const dice = randomStream(seed, 'heads');
  let stale = 0;
  /** Heads that are not retired: of one that is stored now, too. */
  let standing: (Reference | undefined)[] = [undefined];
  const pair = new Pair(seed, replicas, asWrites, ({ entry }) => {
    if (!standing.includes(entry?.refs[0])) stale++;
  });
  const { layout } = pair;
  let version = 1;
  const buffers = (): Reference[] => {
    version = (version % 250) + 1;
    return Array.from({ length: replicas }, (_, r) => reference(layout.handle(r, 0, 0), version));
  };
  for (let generation = 1; generation < 12; generation++) {
    const chain = new Chain('key', slot + generation * layout.slots, buffers(), 1);
    standing.push(chain.refs[0]);
    const isOpened = pair.run(pair.heads.store([chain]));
    for (let moves = isOpened ? dice.below(8) : 0; moves > 0; moves--) {
      standing = [chain.refs[0]];
      chain.standAt(buffers(), nextSequence(chain.sequence));
      standing.push(chain.refs[0]);
      expect(pair.run(pair.heads.follow([chain]))).toBe(true);
      standing.shift();
    }
    chain.isOver = true;
    standing.push(undefined);
    expect(pair.run(pair.heads.follow([chain]))).toBe(true);
    standing = [undefined];
  }
  return stale;
}

describe.each([1, 2, 3])('%i copies', (replicas) => {
  test('a verb that acts late takes no head of a standby back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), (seed) => {
        expect(staleTakeOvers(seed, replicas, false)).toBe(0);
      }),
      { numRuns: 40 },
    );
  });

  test('with WRITEs in place of CASes, it does', () => {
    const found = [1, 2, 3, 4, 5, 6].filter((seed) => staleTakeOvers(seed, replicas, true) > 0);
    expect(found.length).toBeGreaterThan(0);
  });
});

/**
 * A server dies at any effect of a chain's moves, starts anew, and dies at any effect of its first move.
 * Gives how often its standby would then have begun from a head that is retired.
 */
function staleAfterTwoLosses(seed: number, replicas: number, levels: boolean): number {
  const dice = randomStream(seed, 'two losses');
  let stale = 0;
  /** Those of the last move that everybody has confirmed, and of the one under way. */
  let standing: (Reference | undefined)[] = [undefined];
  const pair = new Pair(seed, replicas, false, ({ entry }) => {
    if (!standing.includes(entry?.refs[0])) stale++;
  });
  const { layout } = pair;
  const buffers = (version: number): Reference[] =>
    Array.from({ length: replicas }, (_, r) => reference(layout.handle(r, 0, 0), version));
  const chain = new Chain('key', slot + layout.slots, buffers(1), 1);
  standing.push(chain.refs[0]);
  pair.crashesAt = 4 + dice.below(30);
  for (let version = 2; pair.run(pair.heads.follow([chain])); version++) {
    standing = [chain.refs[0]];
    chain.standAt(buffers(version), nextSequence(chain.sequence));
    standing.push(chain.refs[0]);
  }
  pair.crashesAt = 1 + dice.below(12);
  pair.run(
    (function* () {
      const chains = yield* pair.restart(levels);
      yield* pair.heads.storeSurely(chains);
    })(),
  );
  return stale;
}

describe.each([2, 3])('%i copies, a server lost as it starts anew', (replicas) => {
  test('a standby never goes by a head that is retired', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), (seed) => {
        expect(staleAfterTwoLosses(seed, replicas, true)).toBe(0);
      }),
      { numRuns: 40 },
    );
  });

  test('where its table was not made equal first, it does', () => {
    const seeds = Array.from({ length: 100 }, (_, i) => i + 1);
    const found = seeds.filter((seed) => staleAfterTwoLosses(seed, replicas, false) > 0);
    expect(found.length).toBeGreaterThan(0);
  });
});

test('only the first move of a chain stores its number, and before its head', () => {
  const store = new CloverStore({ computeNodes: 1, memoryNodes: 3, replicas: 2 });
  const { site, layout } = (store.servers[0] as CloverStore['servers'][0]).state;
  const heads = new HeadTable(site, layout, 0, new LateVerbs());
  const accesses = (program: Program<unknown>): (readonly [op: string, lengthBytes: number])[] =>
    Array.from({ [Symbol.iterator]: () => program }, (effect) => {
      assert(effect.kind === effectKind.local, 'a verb, and there is no standby');
      return [effect.op === localOp.write ? 'write' : 'persist', effect.lengthBytes] as const;
    });
  const [number, head] = [8, 16].map((lengthBytes) => [
    ['write', lengthBytes],
    ['persist', lengthBytes],
  ]);
  const chainOf = (generation: number): Chain =>
    new Chain('key', slot + generation * layout.slots, [257, 513], 1);
  const chain = chainOf(1);
  expect(accesses(heads.store([chain]))).toEqual([...number!, ...head!]);
  expect(accesses(heads.follow([chain]))).toEqual(head);
  expect(accesses(heads.follow([chain, chain]))).toEqual(head);
  expect(accesses(heads.store([chainOf(2)]))).toEqual([...number!, ...head!]);
});
