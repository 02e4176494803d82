import type { Program, ProgramSeries, Steps } from '../src/core/effect.ts';
import { type Key, keyOf } from '../src/core/key.ts';
import { randomStream } from '../src/core/random.ts';
import { inlineMore } from '../src/lab/tune.ts';
import { system as clover } from '../src/systems/clover/index.ts';
import type { StoreClient } from '../src/systems/system.ts';
import { InThreadStore } from '../test/support/in-thread.ts';
import { alternate } from './alternate.ts';

/**
 * `node dist/bench/shared-clover.js [entries]`: what a get through the whole Clover stack costs on shared
 * memory at 1 KiB, against the raw copies and loads that it stands for: the buffer out of the region, the
 * shortcut word, the value into the caller's buffer. Same number of entries, same random order, in turns.
 * With many entries both sides wait for memory, and the cursor is more of it than the copies have.
 */
const entries = Number(process.argv[2] ?? 1000);
const valueBytes = 960;
const getsPerTurn = 1_000_000;

inlineMore();
const keys: Key[] = Array.from({ length: entries }, (_, i) => keyOf(`user${1e7 + i}`));
const order = new Uint32Array(getsPerTurn);
const random = randomStream(1, 'order');
for (let i = 0; i < order.length; i++) order[i] = random.below(entries);

const store = new InThreadStore(clover, { keysMax: entries, valueBytesMax: 1024 });
const into = new Uint8Array(1024);

store.run([
  {
    *program(client): Program<void> {
      const value = new Uint8Array(valueBytes).fill(7);
      for (const key of keys) yield* client.insert(key, value);
    },
  },
]);

/** Gets one after another, as the lab's clients do them. */
class Gets implements ProgramSeries {
  steps: Steps | undefined = undefined;
  readonly #client: StoreClient;
  #done = -1;

  constructor(client: StoreClient) {
    this.#client = client;
  }

  advance(value: unknown): Program<unknown> | Steps | undefined {
    if (this.#done >= 0) take(value as Uint8Array);
    if (++this.#done === order.length) return undefined;
    const key = keys[order[this.#done] as number] as Key;
    this.steps = this.#client.getSteps?.(key);
    return this.steps;
  }

  recover(error: unknown): never {
    throw error;
  }
}

function take(value: Uint8Array): void {
  if (value.length !== valueBytes) throw new Error(`a value of ${value.length} bytes`);
  into.set(value);
}

function perSecond(work: () => void): number {
  const begin = process.hrtime.bigint();
  work();
  return getsPerTurn / (Number(process.hrtime.bigint() - begin) / 1e9);
}

const buffers = new Uint8Array(new SharedArrayBuffer(entries * 1024)).fill(7);
const shortcuts = new BigInt64Array(new SharedArrayBuffer(entries * 8));
const scratch = new Uint8Array(1024);
let sum = 0n;

function raw(): void {
  for (const index of order) {
    scratch.set(buffers.subarray(index * 1024, index * 1024 + 1024));
    sum += Atomics.load(shortcuts, index);
    into.set(scratch.subarray(64, 64 + valueBytes));
  }
}

const through = (): number =>
  perSecond(() => store.run([{ program: (client) => new Gets(client) }]));
through();
perSecond(raw);
const { ours, theirs, ratio } = await alternate(9, through, () => perSecond(raw));
console.log(
  `get through Clover: ${(1e9 / ours).toFixed(0)} ns; the raw copies and loads: ` +
    `${(1e9 / theirs).toFixed(0)} ns; ${(1 / ratio).toFixed(2)} times (target: at most 3), ${sum}`,
);
