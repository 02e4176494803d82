import { expect, test } from 'vitest';
import { hotSettings, hotShape } from '../../../test/support/clover-faults.ts';
import { CloverStore } from '../../../test/support/clover-store.ts';
import { smallShape } from '../../../test/support/in-thread.ts';
import {
  type Batch,
  effectKind,
  type Program,
  read,
  sleep,
  verbStatus,
} from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import { keyOf } from '../../core/key.ts';
import type { StoreClient } from '../system.ts';
import { system } from './index.ts';
import { planPools } from './pools.ts';

const key = keyOf('hot');
const putsMax = 120;
const shape = { ...smallShape, ...hotShape };
const settings = { ...hotSettings, roundNs: 1000, epochNs: 20_000 };

/** The least memory there can be, so that buffers come round after a few hundred puts. */
function leastMemoryBytes(): number {
  try {
    planPools({ ...shape, memoryBytes: 1 }, system.configure(settings, shape));
  } catch (error) {
    return Number(/needs (\d+) B/.exec((error as Error).message)?.[1]);
  }
  return expect.fail('one byte should not do');
}

function open(reuse: 'timing' | 'epochs'): CloverStore {
  const store = new CloverStore(
    { ...shape, memoryBytes: leastMemoryBytes() },
    { ...settings, reuse },
  );
  store.once((client) => client.insert(key, new Uint8Array(200).fill(1)));
  return store;
}

/**
 * A get whose READ of the buffer takes its first half now, and its second half when `rest` has ended:
 * the bytes of one verb move in no promised order, and nothing bounds how long they take.
 */
function* slowGet(get: Program<unknown>, rest: () => Program<void>): Program<unknown> {
  let torn = false;
  for (;;) {
    const step = get.next();
    if (step.done === true) return step.value;
    const effect = step.value;
    if (effect.kind !== effectKind.batch || torn) {
      yield effect;
      continue;
    }
    torn = true;
    yield* tear(effect, rest);
  }
}

function* tear(effect: Batch, rest: () => Program<void>): Program<void> {
  const [data, shortcut] = effect.verbs;
  const buffer = data?.buffer as Uint8Array;
  const half = buffer.length / 2;
  yield read((data as { address: number }).address, buffer.subarray(0, half));
  yield* rest();
  yield read((data as { address: number }).address + half, buffer.subarray(half));
  for (const verb of [data, shortcut]) if (verb !== undefined) verb.status = verbStatus.ok;
}

interface Schedule {
  readonly value: Uint8Array;
  /** Whether a get reading at its slowest brought bytes of two versions. */
  readonly isTorn: boolean;
  readonly puts: number;
}

/**
 * The schedule: node 0's get reads the header and half of the value. Node 1 puts on: the version is
 * superseded, retired, rests, is handed out and written again. Then the get reads the other half. Its
 * node's clock has stood still meanwhile, as that of a machine that was suspended does.
 */
function run(reuse: 'timing' | 'epochs'): Schedule {
  const store = open(reuse);
  const reader = store.node(0);
  const into = new Uint8Array(200);
  store.once((client) => client.get(key, into), 0);
  let frozenNs: number | undefined;
  const { context } = reader.site;
  const clock = context.nowNs.bind(context);
  Object.defineProperty(context, 'nowNs', { value: () => frozenNs ?? clock() });
  const state = { isPaused: false, puts: 0, isDone: false };
  store.store.run([
    {
      node: 0,
      *program(client: StoreClient) {
        const get = client.get(key, into);
        yield* slowGet(get, function* () {
          frozenNs = clock();
          state.isPaused = true;
          while (!state.isDone) yield* sleep(1000);
        });
        frozenNs = undefined;
      },
    },
    {
      node: 1,
      *program(client: StoreClient) {
        while (!state.isPaused) yield* sleep(100);
        try {
          for (; state.puts < putsMax; state.puts++) {
            yield* client.put(key, new Uint8Array(200).fill(2 + state.puts));
            yield* sleep(10_000);
          }
        } catch (error) {
          if (!(error instanceof FarsideError) || error.code !== 'FARSIDE_CAPACITY') throw error;
        }
        state.isDone = true;
      },
    },
  ]);
  return { value: into, isTorn: new Set(into).size > 1, puts: state.puts };
}

test('reuse=timing: a READ that outlasts the rest of a buffer, by a clock that stood still, is torn', () => {
  const { isTorn, puts } = run('timing');
  expect(puts).toBe(putsMax);
  expect(isTorn).toBe(true);
});

test('reuse=epochs: under the same schedule no buffer is used again before the READ has ended', () => {
  const store = open('epochs');
  expect(store.node().reuseDelayNs).toBe(Number.POSITIVE_INFINITY);
  const { value, puts } = run('epochs');
  expect(value).toEqual(new Uint8Array(200).fill(1));
  // Writers go on as long as there are other buffers, and then they wait for the reader.
  expect(puts).toBeGreaterThan(1);
  expect(puts).toBeLessThan(putsMax);
});

test('reuse=epochs: buffers come round for ever while everybody consents', () => {
  const store = open('epochs');
  const into = new Uint8Array(200);
  store.once(function* (client) {
    for (let i = 1; i <= 3000; i++) {
      yield* client.put(key, new Uint8Array(200).fill(i % 250));
      if (i % 50 !== 0) continue;
      expect(yield* client.get(key, into)).toBe(200);
      expect(new Set(into)).toEqual(new Set([i % 250]));
    }
  });
  const { events } = store.servers[0]!.statistics;
  expect(events.rounds).toBeGreaterThan(10);
});
