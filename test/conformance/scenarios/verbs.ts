import {
  atomicWrite,
  cas,
  faa,
  flush,
  local,
  read,
  readWord,
  verbStatus,
  write,
  writeWord,
} from '../../../src/core/effect.ts';
import { pattern, type Scenario } from '../scenario.ts';

/**
 * Words whose halves, as floating-point numbers or signed integers, are easily spoilt on the way.
 */
const awkwardWords = [
  0n,
  1n,
  0xffffffffn,
  0x1_0000_0000n,
  0x7fffffff_ffffffffn,
  0x80000000_00000000n,
  0x7ff00000_00000001n,
  0x7ff80000_deadbeefn,
  0xfff00000_00000000n,
  0xffffffff_ffffffffn,
];
const lengths = [8, 16, 64, 1000, 4096, 32768];

export const verbScenarios: readonly Scenario[] = [
  {
    name: 'a READ gives what was WRITTEN, whatever the length',
    programs: {
      cn0: [
        function* ({ at }) {
          const same: boolean[] = [];
          for (const [i, length] of lengths.entries()) {
            const written = pattern(length, i);
            const into = new Uint8Array(length);
            yield* write(at(8 * i), written);
            yield* read(at(8 * i), into);
            same.push(Buffer.compare(written, into) === 0);
          }
          return same;
        },
      ],
    },
    verify: ({ cn0 }, expect) => expect(cn0?.[0]).toEqual(lengths.map(() => true)),
  },
  {
    name: 'a WRITE touches its own bytes only, and only on the node that its address names',
    programs: {
      cn0: [
        function* ({ at }) {
          const around = new Uint8Array(48);
          const elsewhere = new Uint8Array(48).fill(1);
          yield* write(at(16), new Uint8Array(16).fill(0xaa));
          yield* read(at(0), around);
          yield* read(at(0, 1), elsewhere);
          return [[...around], [...elsewhere]];
        },
      ],
    },
    verify: ({ cn0 }, expect) => {
      const zeros = new Array<number>(16).fill(0);
      const written = new Array<number>(16).fill(0xaa);
      expect(cn0?.[0]).toEqual([
        [...zeros, ...written, ...zeros],
        [...zeros, ...zeros, ...zeros],
      ]);
    },
  },
  {
    name: 'words keep all 64 bits, little-endian, through every verb that carries one',
    programs: {
      cn0: [
        function* ({ at }) {
          const seen: unknown[] = [];
          for (const word of awkwardWords) {
            yield* writeWord(at(0), word);
            const byRead = readWord(at(0));
            const readBack = yield* byRead;
            const bytes = new Uint8Array(8);
            yield* read(at(0), bytes);
            const byBytes = new DataView(bytes.buffer).getBigUint64(0, true);
            yield* write(at(8), bytes);
            const swapped = yield* cas(at(8), word, word ^ 0xffffn);
            const added = yield* faa(at(8), 1n);
            yield* atomicWrite(at(8), word);
            const after = yield* readWord(at(8));
            const halves = (BigInt(byRead.high) << 32n) | BigInt(byRead.low);
            seen.push([readBack, byRead.word, byBytes, swapped, added, after, halves]);
          }
          return seen;
        },
      ],
    },
    verify: ({ cn0 }, expect) =>
      expect(cn0?.[0]).toEqual(awkwardWords.map((w) => [w, w, w, w, w ^ 0xffffn, w, w])),
  },
  {
    name: 'a CAS swaps where all 64 bits are equal, and gives the old word',
    programs: {
      cn0: [
        function* ({ at }) {
          yield* writeWord(at(0), 0x1111_2222_3333_4444n);
          const high = cas(at(0), 0x1111_2223_3333_4444n, 1n);
          const low = cas(at(0), 0x1111_2222_3333_4445n, 2n);
          const right = cas(at(0), 0x1111_2222_3333_4444n, 3n);
          const old = [yield* high, yield* low, yield* readWord(at(0)), yield* right];
          return [old, [high.swapped, low.swapped, right.swapped], yield* readWord(at(0))];
        },
      ],
    },
    verify: ({ cn0 }, expect) => {
      const before = 0x1111_2222_3333_4444n;
      expect(cn0?.[0]).toEqual([[before, before, before, before], [false, false, true], 3n]);
    },
  },
  {
    name: 'a FETCH_ADD adds modulo 2^64 and gives the old word',
    programs: {
      cn0: [
        function* ({ at }) {
          yield* writeWord(at(0), 0xffffffff_fffffffen);
          const first = yield* faa(at(0), 5n);
          const second = yield* faa(at(0), 0xffffffff_ffffffffn);
          return [first, second, yield* readWord(at(0))];
        },
      ],
    },
    verify: ({ cn0 }, expect) => expect(cn0?.[0]).toEqual([0xffffffff_fffffffen, 3n, 2n]),
  },
  {
    name: 'a FLUSH ends ok and changes nothing that is visible',
    programs: {
      cn0: [
        function* ({ at }) {
          yield* writeWord(at(64), 7n);
          const verb = flush(at(0), 4096);
          yield* verb;
          return [verb.status, yield* readWord(at(64))];
        },
      ],
    },
    verify: ({ cn0 }, expect) => expect(cn0?.[0]).toEqual([verbStatus.ok, 7n]),
  },
  {
    name: 'the buffer of a completed WRITE is its owner’s again',
    programs: {
      cn0: [
        function* ({ at }) {
          const bytes = pattern(64, 3);
          yield* write(at(0), bytes);
          bytes.fill(0);
          const into = new Uint8Array(64);
          yield* read(at(0), into);
          return [...into];
        },
      ],
    },
    verify: ({ cn0 }, expect) => expect(cn0?.[0]).toEqual([...pattern(64, 3)]),
  },
  {
    name: 'local access reads, writes and swaps the words of the program’s own region',
    programs: {
      cn0: [
        function* ({ cluster, context }) {
          const own = cluster.region(context.node, 'own').address;
          const into = new Uint8Array(24);
          yield* local.write(own, pattern(24, 1));
          yield* local.write(own + 8, new Uint8Array(8));
          const lost = yield* local.cas(own + 8, 1n, 2n);
          const won = yield* local.cas(own + 8, 0n, 258n);
          yield* local.persist(own, 24);
          yield* local.read(own, into);
          return [lost, won, [...into]];
        },
      ],
    },
    verify: ({ cn0 }, expect) => {
      const bytes = pattern(24, 1);
      bytes.set([2, 1, 0, 0, 0, 0, 0, 0], 8);
      expect(cn0?.[0]).toEqual([0n, 0n, [...bytes]]);
    },
  },
];
