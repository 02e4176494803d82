import {
  batch,
  cas,
  faa,
  gather,
  post,
  read,
  readWord,
  settle,
  verbStatus,
  wait,
  write,
  writeWord,
} from '../../../src/core/effect.ts';
import { pattern, type Scenario } from '../scenario.ts';

export const postingScenarios: readonly Scenario[] = [
  {
    name: 'a batch completes all its verbs, on any number of nodes, and each holds its result',
    programs: {
      cn0: [
        function* ({ at }) {
          yield* batch(writeWord(at(0), 5n), writeWord(at(0, 1), 6n));
          const [word, swap, add] = [readWord(at(0)), cas(at(8), 0n, 9n), faa(at(0, 1), 1n)];
          yield* batch(word, swap, add);
          return [word.word, swap.swapped, add.word, yield* readWord(at(0, 1))];
        },
      ],
    },
    verify: ({ cn0 }, expect) => expect(cn0?.[0]).toEqual([5n, true, 6n, 7n]),
  },
  {
    name: 'an empty batch and an empty post are no work',
    programs: {
      cn0: [
        function* ({ context }) {
          context.counters.reset(1);
          yield* batch();
          const tickets = yield* post();
          const completed = yield* wait(tickets);
          return [tickets.length, completed, context.counters.roundTrips, context.counters.verbs];
        },
      ],
    },
    verify: ({ cn0 }, expect) => expect(cn0?.[0]).toEqual([0, 0, 0, 0]),
  },
  {
    name: 'gather gives the results in order; settle leaves each outcome in its verb',
    programs: {
      cn0: [
        function* ({ at }) {
          const [nothing, old] = yield* gather(writeWord(at(0), 3n), faa(at(8), 4n));
          const verbs = [readWord(at(0)), readWord(at(8))] as const;
          yield* settle(...verbs);
          return [nothing, old, verbs.map((verb) => [verb.status, verb.word])];
        },
      ],
    },
    verify: ({ cn0 }, expect) =>
      expect(cn0?.[0]).toEqual([
        undefined,
        0n,
        [
          [verbStatus.ok, 3n],
          [verbStatus.ok, 4n],
        ],
      ]),
  },
  {
    name: 'posted verbs complete without being waited for, in post order on one queue pair',
    programs: {
      cn0: [
        function* ({ at }) {
          const tickets = yield* post(
            write(at(0), pattern(16, 1)),
            write(at(0), pattern(16, 2)),
            writeWord(at(16), 1n),
            writeWord(at(16), 2n),
          );
          const into = new Uint8Array(24);
          yield* read(at(0), into);
          return [tickets.length, [...into]];
        },
      ],
    },
    verify: ({ cn0 }, expect) =>
      expect(cn0?.[0]).toEqual([4, [...pattern(16, 2), 2, 0, 0, 0, 0, 0, 0, 0]]),
  },
  {
    name: 'wait returns when so many tickets have completed, and may be repeated for the rest',
    programs: {
      cn0: [
        function* ({ at }) {
          const tickets = yield* post(faa(at(0), 1n), faa(at(0, 1), 2n), faa(at(8), 3n));
          const one = yield* wait(tickets, { count: 1 });
          const all = yield* wait(tickets);
          const again = yield* wait(tickets, { count: 99 });
          return [one >= 1, all, again, tickets.map((ticket) => ticket.status)];
        },
      ],
    },
    verify: ({ cn0 }, expect) =>
      expect(cn0?.[0]).toEqual([true, 3, 3, [verbStatus.ok, verbStatus.ok, verbStatus.ok]]),
  },
  {
    name: 'a wait with a time-out ends by its tickets where they are in time',
    programs: {
      cn0: [
        function* ({ at, context }) {
          const startNs = context.nowNs();
          const tickets = yield* post(writeWord(at(0), 1n));
          const completed = yield* wait(tickets, { timeoutNs: 60e9 });
          return [completed, context.nowNs() - startNs < 60e9];
        },
      ],
    },
    verify: ({ cn0 }, expect) => expect(cn0?.[0]).toEqual([1, true]),
  },
];
