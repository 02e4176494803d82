import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventQueue } from './event-queue.ts';

test('events leave by time, and by insertion within one instant', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(20), { freq: 3 }), { maxLength: 400 }), (steps) => {
      const queue = new EventQueue();
      const model: { time: number; payload: number }[] = [];
      let now = 0;
      const popBoth = (): void => {
        const expected = model.shift();
        expect(queue.pop()).toBe(expected !== undefined);
        if (expected === undefined) return;
        expect([queue.timePs, queue.payload]).toEqual([expected.time, expected.payload]);
        now = expected.time;
      };
      steps.forEach((delay, payload) => {
        if (delay === null) popBoth();
        else {
          queue.push(now + delay, payload);
          model.push({ time: now + delay, payload });
          model.sort((a, b) => a.time - b.time); // stable: keeps insertion order in an instant
        }
      });
      while (model.length > 0) popBoth();
      expect(queue.pop()).toBe(false);
    }),
  );
});

test('grows past its first capacity without losing order', () => {
  const queue = new EventQueue();
  for (let i = 0; i < 5000; i++) queue.push((i * 7919) % 5003, i);
  let last = -1;
  for (let i = 0; i < 5000; i++) {
    queue.pop();
    expect(queue.timePs).toBeGreaterThanOrEqual(last);
    last = queue.timePs;
  }
  expect(queue.nextPs).toBe(Number.POSITIVE_INFINITY);
});
