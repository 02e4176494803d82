import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventHeap } from './event-heap.ts';
import { EventQueue } from './event-queue.ts';

/** Delays in picoseconds: the same instant, the same bucket, the wheel, and far beyond it. */
const delay = fc.oneof(
  fc.constant(0),
  fc.nat(5000),
  fc.nat(40_000_000),
  fc.constantFrom(33_554_431, 33_554_432, 33_554_433),
  fc.nat(1e12),
);

for (const [name, Queue] of [
  ['wheel and heap', EventQueue],
  ['heap', EventHeap],
] as const) {
  test(`${name}: events leave by time, and by insertion within one instant`, () => {
    const steps = fc.array(fc.option(delay, { freq: 2 }), { maxLength: 300 });
    fc.assert(
      fc.property(steps, (sequence) => {
        const queue = new Queue();
        const model: { time: number; payload: number }[] = [];
        let now = 0;
        const popBoth = (): void => {
          const expected = model.shift();
          expect(queue.nextPs).toBe(expected?.time ?? Number.POSITIVE_INFINITY);
          expect(queue.pop()).toBe(expected !== undefined);
          if (expected === undefined) return;
          expect([queue.timePs, queue.payload]).toEqual([expected.time, expected.payload]);
          now = expected.time;
        };
        sequence.forEach((after, payload) => {
          if (after === null) popBoth();
          else {
            queue.push(now + after, payload);
            model.push({ time: now + after, payload });
            model.sort((a, b) => a.time - b.time); // stable: keeps insertion order in an instant
          }
        });
        while (model.length > 0) popBoth();
        expect(queue.pop()).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  test(`${name}: grows past its first capacity without losing order`, () => {
    const queue = new Queue();
    for (let i = 0; i < 5000; i++) queue.push(((i * 7919) % 5003) * 20_000, i);
    let last = -1;
    for (let i = 0; i < 5000; i++) {
      expect(queue.pop()).toBe(true);
      expect(queue.timePs).toBeGreaterThanOrEqual(last);
      last = queue.timePs;
    }
    expect(queue.size).toBe(0);
  });
}
