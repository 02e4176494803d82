import type { Address } from '../../../src/core/address.ts';
import {
  cas,
  faa,
  type Program,
  read,
  readWord,
  write,
  writeWord,
} from '../../../src/core/effect.ts';
import type { Scenario, StartProgram } from '../scenario.ts';

const rounds = 400;

/** Two programs on each of two nodes, all alike. */
function onTwoNodes(program: StartProgram): Scenario['programs'] {
  return { cn0: [program, program], cn1: [program, program] };
}

function* lock(word: Address): Program<void> {
  while ((yield* cas(word, 0n, 1n)) !== 0n);
}

/** Every word holds its value twice, so that a torn one shows. */
function filled(value: number, bytes: Uint8Array): Uint8Array {
  new Uint32Array(bytes.buffer).fill(value);
  return bytes;
}

export const contentionScenarios: readonly Scenario[] = [
  {
    name: 'FETCH_ADD from several nodes: every old word is given out exactly once',
    programs: onTwoNodes(function* ({ at }) {
      const tickets: number[] = [];
      for (let i = 0; i < rounds; i++) tickets.push(Number(yield* faa(at(0), 1n)));
      return tickets;
    }),
    verify: ({ cn0, cn1 }, expect) => {
      const all = [...(cn0 ?? []), ...(cn1 ?? [])].flat() as number[];
      expect(all.sort((a, b) => a - b)).toEqual(Array.from({ length: 4 * rounds }, (_, i) => i));
    },
  },
  {
    name: 'CAS from several nodes: no successful swap is lost',
    programs: onTwoNodes(function* ({ at }) {
      let lost = 0;
      for (let done = 0; done < rounds; ) {
        const old = yield* readWord(at(0));
        if ((yield* cas(at(0), old, old + 1n)) === old) done++;
        else lost++;
      }
      yield* faa(at(8), 1n);
      while ((yield* readWord(at(8))) < 4n);
      return [lost >= 0, yield* readWord(at(0))];
    }),
    verify: ({ cn0, cn1 }, expect) => {
      const expected = [true, BigInt(4 * rounds)];
      expect([...(cn0 ?? []), ...(cn1 ?? [])]).toEqual([expected, expected, expected, expected]);
    },
  },
  {
    name: 'a failed CAS writes nothing, also beside FETCH_ADDs of the same word',
    programs: {
      cn0: [
        function* ({ at }) {
          for (let i = 0; i < rounds; i++) yield* faa(at(0), 1n);
          yield* writeWord(at(8), 1n);
        },
      ],
      cn1: [
        function* ({ at }) {
          do yield* cas(at(0), 0xffffffff_ffffffffn, 0n);
          while ((yield* readWord(at(8))) === 0n);
          return yield* readWord(at(0));
        },
      ],
    },
    verify: ({ cn1 }, expect) => expect(cn1?.[0]).toBe(BigInt(rounds)),
  },
  {
    name: 'a lock taken by CAS and left by WRITE protects a READ and a WRITE',
    programs: onTwoNodes(function* ({ at }) {
      const bytes = new Uint8Array(64);
      for (let i = 0; i < rounds / 4; i++) {
        yield* lock(at(0));
        yield* read(at(64), bytes);
        const next = (new Uint32Array(bytes.buffer)[0] as number) + 1;
        yield* write(at(64), filled(next, bytes));
        yield* writeWord(at(0), 0n);
      }
      yield* faa(at(8), 1n);
      while ((yield* readWord(at(8))) < 4n);
      yield* read(at(64), bytes);
      return [...new Uint32Array(bytes.buffer)];
    }),
    verify: ({ cn0, cn1 }, expect) => {
      const expected = new Array<number>(16).fill(rounds);
      for (const seen of [...(cn0 ?? []), ...(cn1 ?? [])]) expect(seen).toEqual(expected);
    },
  },
  {
    name: 'no aligned word is torn by concurrent READs and WRITEs',
    programs: {
      cn0: [
        function* ({ at }) {
          const bytes = new Uint8Array(512);
          for (let i = 0; i < rounds; i++) {
            yield* write(at(0), filled(i % 2 === 0 ? 0x01010101 : 0xfefefefe, bytes));
          }
          yield* writeWord(at(1024), 1n);
        },
      ],
      cn1: [
        function* ({ at }) {
          const bytes = new Uint8Array(512);
          const halves = new Uint32Array(bytes.buffer);
          let torn = 0;
          do {
            yield* read(at(0), bytes);
            for (let i = 0; i < halves.length; i += 2) if (halves[i] !== halves[i + 1]) torn++;
            const word = readWord(at(8));
            yield* word;
            if (word.low !== word.high) torn++;
          } while ((yield* readWord(at(1024))) === 0n);
          return torn;
        },
      ],
    },
    verify: ({ cn1 }, expect) => expect(cn1?.[0]).toBe(0),
  },
  {
    name: 'who READs the word that was WRITTEN after a body then READs that body, or a later one',
    programs: {
      cn0: [
        function* ({ at }) {
          const bytes = new Uint8Array(1024);
          for (let version = 1; version <= rounds; version++) {
            yield* write(at(64), filled(version, bytes));
            yield* writeWord(at(0), BigInt(version));
          }
        },
      ],
      cn1: [
        function* ({ at }) {
          const bytes = new Uint8Array(1024);
          const words = new Uint32Array(bytes.buffer);
          let older = 0;
          for (let version = 0; version < rounds; ) {
            version = Number(yield* readWord(at(0)));
            yield* read(at(64), bytes);
            for (const word of words) if (word < version) older++;
          }
          return older;
        },
      ],
    },
    verify: ({ cn1 }, expect) => expect(cn1?.[0]).toBe(0),
  },
];
