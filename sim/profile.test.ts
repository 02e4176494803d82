import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { shippedProfile } from '../test/support/sim.ts';
import { Costs } from './costs.ts';
import { adjustProfile, parseProfile } from './profile.ts';
import { profileSchema } from './profile-schema.ts';

const names = ['ideal', 'connectx4-100g', 'connectx5-100g'];

function leaves(schema: object): number {
  return Object.values(schema).reduce(
    (sum, entry) => sum + (typeof entry === 'string' ? 1 : leaves(entry)),
    0,
  );
}

function raw(): Record<string, Record<string, unknown>> {
  return JSON.parse(readFileSync('sim/profiles/ideal.json', 'utf8'));
}

for (const name of names) {
  test(`${name}: every number has a unit and a source`, () => {
    const profile = shippedProfile(name);
    expect(profile.name).toBe(name);
    expect(profile.sources.size).toBe(leaves(profileSchema));
    expect(new Costs(profile).propagationPs).toBeGreaterThan(0);
  });
}

test('a missing, extra or wrong number is reported with its path and unit', () => {
  const broken = (change: (profile: Record<string, Record<string, unknown>>) => void): string => {
    const profile = raw();
    change(profile);
    try {
      parseProfile(profile, 'mine.json');
    } catch (error) {
      expect(error).toMatchObject({ code: 'FARSIDE_INPUT' });
      return (error as Error).message;
    }
    return 'accepted';
  };
  expect(broken((p) => delete p.pcie?.readLatencyNs)).toBe(
    'mine.json: `pcie.readLatencyNs` is missing; expected a number of ns',
  );
  expect(broken((p) => delete p.link)).toBe('mine.json: the group `link` is missing');
  expect(broken((p) => Object.assign(p.link ?? {}, { colour: 1 }))).toContain('`link.colour`');
  const number = (value: unknown, unit = 'ns', source = 'me') => ({ value, unit, source });
  const post = (value: unknown) => broken((p) => Object.assign(p.cpu ?? {}, { postNs: value }));
  expect(post(5)).toContain('`cpu.postNs` must be { value, unit, source }');
  expect(post(number(-1))).toContain('`cpu.postNs.value` is -1; expected a number of ns, ≥ 0');
  expect(post(number('5'))).toContain('`cpu.postNs.value` is "5"');
  expect(post(number(null))).toContain('`cpu.postNs.value` is null');
  expect(post(number(5, 'us'))).toContain('`cpu.postNs.unit` is "us"; expected "ns"');
  expect(post(number(5, 'ns', ''))).toContain('`cpu.postNs.source` must say');
  expect(post({ ...number(5), note: '' })).toContain('`cpu.postNs.note` is not known');
  const rate = broken((p) => Object.assign(p.nic ?? {}, { requesterRate: number(0, 'Mverbs/s') }));
  expect(rate).toContain('expected a positive number of Mverbs/s, or null');
  expect(broken((p) => Object.assign(p, { name: 7 }))).toContain('`name` must be a string');
  expect(() => parseProfile([], 'mine.json')).toThrow('must be an object');
});

test('one number can be changed, and no other changes with it', () => {
  const profile = shippedProfile('connectx4-100g');
  const before = profile.numbers.compute.crc.unitNs;
  const changed = adjustProfile(profile, 'compute.crc.unitNs', 0.5);
  expect(before).not.toBe(0.5);
  expect(changed.numbers.compute.crc.unitNs).toBe(0.5);
  expect(profile.numbers.compute.crc.unitNs).toBe(before);
  expect({ ...changed.numbers, compute: 0 }).toEqual({ ...profile.numbers, compute: 0 });
  expect(changed.sources.get('compute.crc.unitNs')).toBe('set by the user');
  expect(adjustProfile(profile, 'link.bandwidth', null).numbers.link.bandwidth).toBe(
    Number.POSITIVE_INFINITY,
  );
  for (const path of ['link.bandwith', 'link', 'toString', '']) {
    expect(() => adjustProfile(profile, path, 1)).toThrow(`there is no number \`${path}\``);
  }
  expect(() => adjustProfile(profile, 'link.bandwidth', 0)).toThrow('positive');
});
