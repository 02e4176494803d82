import { expect, test } from 'vitest';
import { Digest } from './digest.ts';
import { Footprint } from './footprint.ts';
import { KnownSteps } from './known-steps.ts';
import type { Surroundings } from './surroundings.ts';

function digest(a: number, b: number): Digest {
  const made = new Digest();
  made.a = a;
  made.b = b;
  return made;
}

/** Of a step of node 1, where so much has been done before. */
function around(done = 0): Surroundings {
  return { digest: digest(3, 4), withHistory: digest(5, done), nodes: 1 << 1 };
}

function footprint(more: Partial<Footprint> = {}): Footprint {
  return Object.assign(new Footprint(), { resumed: 1 << 1 }, more);
}

test('a step adds to the key what it added elsewhere, also past 2^31', () => {
  const steps = new KnownSteps();
  steps.note(around(), footprint(), digest(2 ** 31 - 1, 10), digest(-(2 ** 31), 7));
  expect(steps.find(around(1))).toMatchObject({ a: 1, b: -3 });
  expect(steps.find({ ...around(), digest: digest(3, 5) })).toBeUndefined();
});

test('one that begins or ends an operation is known where the same has been done before', () => {
  const steps = new KnownSteps();
  steps.note(around(1), footprint({ ended: true }), digest(0, 0), digest(1, 1));
  expect(steps.find(around(1))).toMatchObject({ a: 1, b: 1 });
  expect(steps.find(around(2))).toBeUndefined();
});

test.each([
  ['commutes with nothing', { global: true }],
  ['depends on the clock', { clock: true }],
  ['counts on all verbs in flight', { rests: true }],
  ['may be taken for spinning', { wentRound: true }],
  ['is a fence', { fenced: 7 }],
  ['made another node go on', { resumed: 1 << 2 }],
  ['came to another node', { arrived: 1 << 2 }],
])('one that %s is not noted', (_, more) => {
  const steps = new KnownSteps();
  steps.note(around(), footprint(more), digest(0, 0), digest(1, 1));
  expect(steps.find(around())).toBeUndefined();
});

test('compares, and gives none away', () => {
  const steps = new KnownSteps(true);
  for (const to of [digest(1, 1), digest(1, 1), digest(1, 2)]) {
    steps.note(around(), footprint(), digest(0, 0), to);
  }
  steps.note(around(), footprint({ sent: 2 }), digest(0, 0), digest(1, 2));
  // As if it had been used where the step was the last of the run.
  steps.note(around(), footprint({ sent: 2, global: true }), digest(0, 0), digest(1, 2));
  expect(steps.repeated).toEqual({ alike: 1, otherwise: 3 });
  expect(steps.find(around())).toBeUndefined();
});
