import { expect, test } from 'vitest';
import { SlotsInUse } from './slots-in-use.ts';

const slot = { slot: 4, generation: 1 };

test('a slot at which a verb was lost is in use until the verb is over', () => {
  const inUse = new SlotsInUse();
  inUse.begin(0, slot);
  inUse.lost(0, slot);
  expect(inUse.has(0, 4)).toBe(true);
  const lost = inUse.takeLost(0);
  expect(lost).toEqual([slot]);
  expect(inUse.has(0, 4)).toBe(true);
  inUse.settled(0, lost ?? []);
  expect(inUse.has(0, 4)).toBe(false);
  expect(inUse.takeLost(0)).toBeUndefined();
});

test('what is lost while a sweep waits for verbs that were lost before is left to the next one', () => {
  const inUse = new SlotsInUse();
  const later = { slot: 8, generation: 1 };
  for (const one of [slot, later]) inUse.begin(0, one);
  inUse.lost(0, slot);
  const lost = inUse.takeLost(0) ?? [];
  inUse.lost(0, later);
  inUse.settled(0, lost);
  expect([inUse.has(0, 4), inUse.has(0, 8)]).toEqual([false, true]);
  expect(inUse.takeLost(0)).toEqual([later]);
});

test('a slot that its lost verb linked, and another program has since, stays with that program', () => {
  const inUse = new SlotsInUse();
  inUse.begin(0, slot);
  inUse.lost(0, slot);
  const lost = inUse.takeLost(0) ?? [];
  inUse.begin(0, { slot: 4, generation: 2 });
  inUse.settled(0, lost);
  expect(inUse.has(0, 4)).toBe(true);
});

test('a slot that was forgotten with its primary is not in doubt, but its primary is swept', () => {
  const inUse = new SlotsInUse();
  inUse.begin(0, slot);
  inUse.forget(0);
  inUse.lost(0, slot);
  expect(inUse.has(0, 4)).toBe(false);
  expect(inUse.takeLost(0)).toEqual([]);
});

test('a slot is reached for until its program has it, has not, or has lost a verb', () => {
  for (const end of ['begin', 'done', 'lost'] as const) {
    const inUse = new SlotsInUse();
    inUse.reach(0, slot);
    expect(inUse.isReached(0, 4)).toBe(true);
    inUse[end](0, slot);
    expect(inUse.isReached(0, 4)).toBe(false);
    expect(inUse.has(0, 4)).toBe(end !== 'done');
  }
});
