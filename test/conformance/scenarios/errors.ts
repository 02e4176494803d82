import {
  batch,
  type Effect,
  flush,
  local,
  read,
  readWord,
  write,
  writeWord,
} from '../../../src/core/effect.ts';
import { type ErrorCode, FarsideError } from '../../../src/core/errors.ts';
import { counted, dataBytes, type Scenario, type Stage } from '../scenario.ts';

type Mistake = (stage: Stage) => Iterable<Effect, unknown, void>;

function refused(name: string, code: ErrorCode, message: RegExp, mistake: Mistake): Scenario {
  return {
    name: `refused: ${name}`,
    programs: {
      cn0: [
        function* (stage) {
          yield* mistake(stage);
        },
      ],
    },
    verify: () => {},
    fails: { code, message },
  };
}

const words = (count: number): Uint8Array => new Uint8Array(8 * count);
const anything = /./;

export const errorScenarios: readonly Scenario[] = [
  refused('a READ behind the last region', 'FARSIDE_ADDRESS', /0:0x10000/, ({ at }) =>
    readWord(at(dataBytes)),
  ),
  refused('a WRITE across the end of the last region', 'FARSIDE_ADDRESS', anything, ({ at }) =>
    write(at(dataBytes - 8), words(2)),
  ),
  refused('a verb to a node that is not there', 'FARSIDE_ADDRESS', anything, () =>
    readWord(99 * 2 ** 40),
  ),
  refused('a verb in a batch after a good one', 'FARSIDE_ADDRESS', anything, ({ at }) =>
    batch(writeWord(at(0), 1n), writeWord(at(dataBytes), 1n)),
  ),
  refused('an address off a word', 'FARSIDE_ALIGNMENT', anything, ({ at }) => readWord(at(4))),
  refused('a length that is not whole words', 'FARSIDE_ALIGNMENT', /12 B/, ({ at }) =>
    write(at(0), new Uint8Array(12)),
  ),
  refused('no length at all', 'FARSIDE_ALIGNMENT', anything, ({ at }) => flush(at(0), 0)),
  refused('a local buffer off a word', 'FARSIDE_ALIGNMENT', anything, ({ at }) =>
    read(at(0), words(3).subarray(4, 20)),
  ),
  refused('local access to another node’s memory', 'FARSIDE_ADDRESS', anything, ({ at }) =>
    local.write(at(0), words(1)),
  ),
  {
    name: 'a program may catch its own mistake, where it made it, and go on',
    programs: {
      cn0: [
        function* ({ at, context }) {
          const codes: unknown[] = [];
          for (const mistake of [
            readWord(at(4)),
            readWord(at(dataBytes)),
            local.write(at(0), words(1)),
          ]) {
            try {
              yield* mistake as Iterable<Effect, unknown, void>;
            } catch (error) {
              codes.push((error as FarsideError).code);
            }
          }
          context.counters.reset(1);
          yield* writeWord(at(0), 1n);
          return [codes, counted(context.counters).roundTrips, yield* readWord(at(0))];
        },
      ],
    },
    verify: ({ cn0 }, expect) =>
      expect(cn0?.[0]).toEqual([
        ['FARSIDE_ALIGNMENT', 'FARSIDE_ADDRESS', 'FARSIDE_ADDRESS'],
        1,
        1n,
      ]),
  },
  {
    name: 'an exception in one program ends the run, also of a node that would never end',
    programs: {
      cn0: [
        function* ({ at }) {
          while ((yield* readWord(at(0))) === 0n);
          throw new FarsideError('FARSIDE_CORRUPT', 'the word says so');
        },
      ],
      cn1: [
        function* ({ at }) {
          yield* writeWord(at(0), 1n);
          for (;;) yield* readWord(at(8));
        },
      ],
    },
    verify: () => {},
    fails: { code: 'FARSIDE_CORRUPT', message: /^the word says so$/ },
  },
];
