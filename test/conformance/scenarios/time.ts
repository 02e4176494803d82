import {
  cas,
  compute,
  faa,
  type Program,
  readWord,
  receive,
  sleep,
  spawn,
  writeWord,
} from '../../../src/core/effect.ts';
import type { Scenario, Stage } from '../scenario.ts';

function* sleepThenCount(stage: Stage, durationNs: number): Program<bigint> {
  yield* sleep(durationNs);
  return yield* faa(stage.at(0), 1n);
}

function* spinUntilSet(stage: Stage): Program<boolean> {
  while ((yield* readWord(stage.at(0))) === 0n);
  return true;
}

export const timeScenarios: readonly Scenario[] = [
  {
    name: 'sleep lasts at least as long as it says, and the clock never goes back',
    programs: {
      cn0: [
        function* ({ context }) {
          const startNs = context.nowNs();
          yield* sleep(2e6);
          const afterNs = context.nowNs();
          yield* sleep(0);
          return [startNs >= 0, afterNs - startNs >= 2e6, context.nowNs() >= afterNs];
        },
      ],
    },
    verify: ({ cn0 }, expect) => expect(cn0?.[0]).toEqual([true, true, true]),
  },
  {
    name: 'sleepers wake in the order of their times, not of their starts',
    programs: {
      cn0: [
        (stage) => sleepThenCount(stage, 90e6),
        (stage) => sleepThenCount(stage, 30e6),
        (stage) => sleepThenCount(stage, 60e6),
      ],
    },
    verify: ({ cn0 }, expect) => expect(cn0).toEqual([2n, 0n, 1n]),
  },
  {
    name: 'a program that spins on a lock does not starve its holder beside it',
    programs: {
      cn0: [
        function* ({ at }) {
          yield* cas(at(0), 0n, 1n);
          for (let i = 0; i < 1000; i++) yield* readWord(at(64));
          yield* writeWord(at(0), 0n);
        },
        function* ({ at }) {
          while ((yield* cas(at(0), 0n, 2n)) !== 0n);
          return yield* readWord(at(0));
        },
      ],
    },
    verify: ({ cn0 }, expect) => expect(cn0).toEqual([undefined, 2n]),
  },
  {
    name: 'nor does one that only READs, nor a spawned one',
    programs: {
      cn0: [
        function* ({ at }) {
          for (let i = 0; i < 200; i++) yield* readWord(at(64));
          yield* writeWord(at(0), 1n);
        },
        spinUntilSet,
        function* (stage) {
          const done = { yet: false };
          yield* spawn(
            (function* () {
              done.yet = yield* spinUntilSet(stage);
            })(),
          );
          while (!done.yet) yield* readWord(stage.at(128));
          return true;
        },
      ],
    },
    verify: ({ cn0 }, expect) => expect(cn0).toEqual([undefined, true, true]),
  },
  {
    name: 'daemons and spawned programs do not keep a run from ending',
    daemons: {
      cn0: [
        function* ({ at }) {
          for (;;) yield* faa(at(8), 1n);
        },
        function* ({ context }) {
          yield* receive(context.hub.openPort());
        },
      ],
    },
    programs: {
      cn0: [
        function* ({ at }) {
          yield* spawn(
            (function* () {
              for (;;) yield* sleep(1e9);
            })(),
          );
          yield* spawn(
            (function* () {
              yield* writeWord(at(0), 1n);
            })(),
          );
          while ((yield* readWord(at(0))) === 0n || (yield* readWord(at(8))) === 0n);
          return 'done';
        },
      ],
    },
    verify: ({ cn0 }, expect) => expect(cn0?.[0]).toBe('done'),
  },
  {
    name: 'a program that does nothing at all ends',
    programs: { cn0: [function* () {}], cn1: [function* () {}] },
    verify: ({ cn0, cn1 }, expect) => expect([cn0, cn1]).toEqual([[undefined], [undefined]]),
  },
  {
    name: 'nobody leaves a meeting point before all have come',
    programs: Object.fromEntries(
      ['cn0', 'cn1'].map((name, index) => [
        name,
        [
          function* ({ at, site }: Stage) {
            yield* sleep(index * 5e6);
            yield* faa(at(0), 1n);
            yield* site.meet(0, 2);
            const first = yield* readWord(at(0));
            yield* site.meet(1, 2);
            return first;
          },
        ],
      ]),
    ),
    verify: ({ cn0, cn1 }, expect) => expect([cn0?.[0], cn1?.[0]]).toEqual([2n, 2n]),
  },
  {
    name: 'dice: one stream per purpose, which continues where it was',
    programs: {
      cn0: [
        function* ({ context }) {
          yield* compute('request');
          const draws = (purpose: string): number[] => {
            const stream = context.random(purpose);
            return [stream.next32(), stream.next32()];
          };
          return [draws('a'), draws('b'), draws('a')];
        },
      ],
    },
    verify: ({ cn0 }, expect) => {
      const draws = (cn0 as [number[][]])[0].flat();
      expect([draws.length, new Set(draws).size]).toEqual([6, 6]);
    },
  },
];
