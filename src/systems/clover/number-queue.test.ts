import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NumberQueue } from './number-queue.ts';

test('entries leave in the order in which they came, across any growth', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.double({ noNaN: true })), { maxLength: 200 }), (steps) => {
      const queue = new NumberQueue();
      const model: number[] = [];
      for (const step of steps) {
        if (step !== null) {
          queue.push(step);
          model.push(step);
        } else if (model.length > 0) {
          expect(queue.peek()).toBe(model[0]);
          expect(queue.shift()).toBe(model.shift());
        }
        expect(queue.length).toBe(model.length);
      }
    }),
  );
  expect(() => new NumberQueue().shift()).toThrow('empty');
});
