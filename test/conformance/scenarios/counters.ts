import {
  atomicWrite,
  batch,
  cas,
  compute,
  type Effect,
  faa,
  flush,
  local,
  post,
  read,
  readWord,
  spawn,
  wait,
  write,
  writeWord,
} from '../../../src/core/effect.ts';
import { type Counted, counted, type Scenario, type Stage } from '../scenario.ts';

/** What small programs cost, from the definition of a round trip and of the payload. */
type Effects = Iterable<Effect, unknown, void>;
const programs: Readonly<Record<string, readonly [(stage: Stage) => Effects, Counted]>> = {
  'one READ': [({ at }) => read(at(0), new Uint8Array(64)), count(1, 1, 1, 0, 64)],
  'one READ of a word': [({ at }) => readWord(at(0)), count(1, 1, 1, 0, 8)],
  'one WRITE': [({ at }) => write(at(0), new Uint8Array(64)), count(1, 1, 1, 64, 0)],
  'one CAS': [({ at }) => cas(at(0), 0n, 0n), count(1, 1, 1, 8, 8)],
  'one FETCH_ADD': [({ at }) => faa(at(0), 0n), count(1, 1, 1, 8, 8)],
  'one ATOMIC_WRITE': [({ at }) => atomicWrite(at(0), 0n), count(1, 1, 1, 8, 0)],
  'one FLUSH': [({ at }) => flush(at(0), 4096), count(1, 1, 1, 0, 0)],
  'a batch on one node: one doorbell': [
    ({ at }) => batch(writeWord(at(0), 1n), writeWord(at(8), 1n), readWord(at(16))),
    count(1, 3, 1, 16, 8),
  ],
  'a batch on two nodes: two doorbells, one round trip': [
    ({ at }) => batch(writeWord(at(0), 1n), writeWord(at(0, 1), 1n), writeWord(at(8), 1n)),
    count(1, 3, 2, 24, 0),
  ],
  'three dependent verbs': [
    function* ({ at }) {
      yield* readWord(at(0));
      yield* cas(at(0), 0n, 0n);
      yield* batch(readWord(at(8)), readWord(at(8, 1)));
    },
    count(3, 4, 4, 8, 32),
  ],
  'a post that nobody waits for: no round trip': [
    ({ at }) => post(writeWord(at(0), 0n)),
    count(0, 1, 1, 8, 0),
  ],
  'a post that is waited for': [
    function* ({ at }) {
      yield* wait(yield* post(writeWord(at(0), 0n), writeWord(at(0, 1), 0n)));
    },
    count(1, 2, 2, 16, 0),
  ],
  'a post that is waited for after a dependent verb adds nothing': [
    function* ({ at }) {
      const early = yield* post(writeWord(at(0), 0n));
      yield* readWord(at(0, 1));
      yield* wait(early);
    },
    count(1, 2, 2, 8, 8),
  ],
  'a post after a verb, waited for: one more round trip': [
    function* ({ at }) {
      yield* readWord(at(0, 1));
      const late = yield* post(writeWord(at(0), 0n));
      yield* wait(late);
    },
    count(2, 2, 2, 8, 8),
  ],
  'local access, computation and background work cost the foreground nothing': [
    function* ({ at, cluster, context }) {
      yield* local.write(cluster.region(context.node, 'own').address, new Uint8Array(64));
      yield* compute('hash', 3);
      yield* spawn(
        (function* () {
          yield* writeWord(at(0), 0n);
        })(),
      );
    },
    count(0, 0, 0, 0, 0),
  ],
};

function count(
  roundTrips: number,
  verbs: number,
  doorbells: number,
  bytesOut: number,
  bytesIn: number,
): Counted {
  return { roundTrips, verbs, doorbells, bytesOut, bytesIn };
}

export const counterScenarios: readonly Scenario[] = [
  {
    name: 'counters: what small programs cost is equal on every fabric',
    programs: {
      cn0: [
        function* (stage) {
          const { context } = stage;
          const costs: Record<string, Counted> = {};
          for (const [name, [program]] of Object.entries(programs)) {
            context.counters.reset(1);
            yield* program(stage);
            costs[name] = counted(context.counters);
          }
          return costs;
        },
      ],
    },
    verify: ({ cn0 }, expect) =>
      expect(cn0?.[0]).toEqual(
        Object.fromEntries(Object.entries(programs).map(([name, [, cost]]) => [name, cost])),
      ),
  },
  {
    name: 'counters: each program has its own, and spawned work is the node’s background',
    programs: {
      cn0: [
        function* ({ at, context, runtime }) {
          yield* spawn(
            (function* () {
              yield* batch(writeWord(at(0), 1n), writeWord(at(8), 1n));
              yield* writeWord(at(16), 1n);
            })(),
          );
          while ((yield* readWord(at(16))) === 0n);
          context.counters.reset(1);
          yield* readWord(at(0));
          return [counted(context.counters), runtime.background.verbs, runtime.background.bytesOut];
        },
        function* ({ at, context }) {
          context.counters.reset(2);
          for (let i = 0; i < 5; i++) yield* readWord(at(0));
          return counted(context.counters);
        },
      ],
    },
    verify: ({ cn0 }, expect) =>
      expect(cn0).toEqual([[count(1, 1, 1, 0, 8), 3, 24], count(5, 5, 5, 0, 40)]),
  },
];
