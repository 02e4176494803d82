import fc from 'fast-check';
import { expect, test } from 'vitest';
import { packWord } from '../../core/word.ts';
import { fnv64Digits, fnv64Modulo, ycsbHash } from './fnv64.ts';
import { YcsbScrambled, ycsbZipfianRank } from './ycsb-scrambled.ts';

/**
 * FNV-1a over the octets of `value` in BigInt arithmetic, and the absolute value as Java takes it.
 */
function referenceHash(value: bigint): bigint {
  let hash = 0xcbf29ce484222325n;
  for (let octet = 0n; octet < 8n; octet++) {
    hash ^= (value >> (8n * octet)) & 0xffn;
    hash = BigInt.asUintN(64, hash * 1099511628211n);
  }
  const signed = BigInt.asIntN(64, hash);
  return signed < 0n ? -signed : signed;
}

function hashed(value: number): bigint {
  const { high, low } = ycsbHash(value, { high: 0, low: 0 });
  return packWord(high, low);
}

test('the hash of record numbers is the one in YCSB keys', () => {
  // `user6284781860667377211` is the first key that every YCSB load inserts.
  expect(hashed(0)).toBe(6284781860667377211n);
  expect(hashed(1)).toBe(8517097267634966620n);
});

test('the hash in halves is the hash in 64 bits', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      expect(hashed(value)).toBe(referenceHash(BigInt(value)));
    }),
    { numRuns: 2000 },
  );
});

test('the digits of a hash are exact', () => {
  const half = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  fc.assert(
    fc.property(half, half, (high, low) => {
      expect(fnv64Digits({ high, low })).toBe(packWord(high, low).toString());
    }),
    {
      numRuns: 2000,
      examples: [
        [0, 0],
        [0, 999_999_999],
        [0, 1_000_000_000],
        [0, 5],
      ],
    },
  );
});

test('the remainder of a hash is exact', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.integer({ min: 1, max: 2 ** 32 }), (value, divisor) => {
      const expected = Number(referenceHash(BigInt(value)) % BigInt(divisor));
      expect(fnv64Modulo(ycsbHash(value, { high: 0, low: 0 }), divisor)).toBe(expected);
    }),
    { numRuns: 2000 },
  );
});

test('a record is the hash of its rank modulo the count', () => {
  const scrambled = new YcsbScrambled(1001);
  for (const rank of [0, 1, 2, 9_999_999_999]) {
    expect(scrambled.fromRank(rank)).toBe(Number(referenceHash(BigInt(rank)) % 1001n));
  }
});

test('ranks follow the approximation of Gray et al. over 10^10 items', () => {
  const zeta = 26.46902820178302;
  expect(ycsbZipfianRank(0)).toBe(0);
  expect(ycsbZipfianRank(0.999 / zeta)).toBe(0);
  expect(ycsbZipfianRank(1.001 / zeta)).toBe(1);
  expect(ycsbZipfianRank(1 - 2 ** -53)).toBeLessThanOrEqual(10_000_000_001);
  expect(ycsbZipfianRank(1 - 2 ** -53)).toBeGreaterThan(9_999_000_000);
  // u = 1/2 in exact arithmetic: 10000000001 * (eta / 2 - eta + 1)^100.
  const eta = (1 - (2 / 10_000_000_001) ** 0.01) / (1 - (1 + 0.5 ** 0.99) / zeta);
  const middle = 10_000_000_001 * Math.exp(100 * Math.log1p(-eta / 2));
  expect(Math.abs(ycsbZipfianRank(0.5) - middle)).toBeLessThan(1.001);
});
