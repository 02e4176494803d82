import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  areaIn,
  entryIn,
  entryLow,
  handleOf,
  highHalfFor,
  isHeld,
  linkIn,
  linkLow,
  ownIn,
  reference,
  sequenceDistance,
  tailLow,
  tombstoneArea,
} from './pointer.ts';

const references = fc
  .tuple(fc.integer({ min: 1, max: 2 ** 32 - 1 }), fc.integer({ min: 1, max: 255 }))
  .map(([handle, version]) => reference(handle, version));
const versions = fc.integer({ min: 1, max: 255 });
const areas = fc.nat(1023);

test('a link word keeps successor, own version, area and B_w apart', () => {
  fc.assert(
    fc.property(references, versions, areas, fc.boolean(), (target, own, area, held) => {
      const high = highHalfFor(handleOf(target));
      const low = linkLow(target, own, area, held);
      expect([linkIn(high, low), ownIn(low), areaIn(low), isHeld(low)]).toEqual([
        target,
        own,
        area,
        held,
      ]);
      expect(high).toBeLessThan(2 ** 28);
    }),
  );
});

test('an entry word carries target and sequence, a tail no target', () => {
  fc.assert(
    fc.property(references, areas, (target, sequence) => {
      const low = entryLow(target, sequence);
      expect(entryIn(highHalfFor(handleOf(target)), low)).toBe(target);
      expect(areaIn(low)).toBe(sequence);
    }),
  );
  expect(linkIn(0, tailLow(7))).toBe(0);
  expect(tailLow(7, tombstoneArea)).not.toBe(tailLow(7));
});

test('bits lie where the drawing puts them', () => {
  const low = linkLow(reference(0x89abcdef, 0x12), 0x34, 0x2aa, true);
  const word = (BigInt(highHalfFor(0x89abcdef)) << 32n) | BigInt(low);
  expect((word >> 28n) & 0xffffffffn).toBe(0x89abcdefn);
  expect((word >> 19n) & 0xffn).toBe(0x12n);
  expect((word >> 11n) & 0xffn).toBe(0x34n);
  expect((word >> 1n) & 0x3ffn).toBe(0x2aan);
  expect(word & 1n).toBe(1n);
  expect(word >> 60n).toBe(0n);
});

test('sequences compare across their wrap-around', () => {
  expect(sequenceDistance(1020, 3)).toBe(7);
  expect(sequenceDistance(3, 1020)).toBe(-7);
  expect(sequenceDistance(5, 5)).toBe(0);
  fc.assert(
    fc.property(fc.nat(1023), fc.integer({ min: -512, max: 511 }), (from, distance) => {
      expect(sequenceDistance(from, (from + distance + 1024) % 1024)).toBe(distance);
    }),
  );
});
