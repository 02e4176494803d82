import { expect, test } from 'vitest';
import { globalAddress } from '../core/address.ts';
import type { Audit } from '../systems/recovery.ts';
import { checkConservation } from './conservation.ts';

const sound: Audit = {
  entries: [{ key: 'a', version: 1, value: new Uint8Array(8) }],
  reachable: 1,
  free: 9,
  leaked: [],
  doubled: [],
  violations: [],
};
const at = (offset: number): number => globalAddress(2, offset);

function told(change: Partial<Audit>): string {
  const verdict = checkConservation({ ...sound, ...change });
  return verdict.status === 'broken' ? verdict.explanation : verdict.status;
}

test('a store in which everything is somewhere, once', () => {
  expect(told({})).toBe('holds');
});

test('what is nowhere, twice, or must not be', () => {
  expect(told({ leaked: [at(64)] })).toMatch(/^the buffer at \S+ is neither reachable nor free/);
  expect(told({ leaked: [64, 128, 192, 256].map(at) })).toMatch(
    /^4 buffers \(at .* …\) are neither/,
  );
  expect(told({ doubled: [at(64), at(72)] })).toMatch(/^2 buffers .* in two places at once/);
  const [entry] = sound.entries;
  expect(told({ entries: [entry, entry] as Audit['entries'] })).toBe('key "a" has two entries.');
  expect(told({ violations: ['copies of a differ.'], doubled: [at(8)] })).toMatch(
    /^the buffer .* \(freed twice\); copies of a differ\.$/,
  );
});
