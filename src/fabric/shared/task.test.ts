import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Counters } from '../../core/counters.ts';
import { Task, TaskQueue, TimerHeap, WaitingList } from './task.ts';

function newTask(label: string): Task {
  return new Task((function* () {})(), label, false, new Counters());
}

test('the queue gives tasks in order through growth and wrapping', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -60, max: 100 }), { maxLength: 20 }), (steps) => {
      const queue = new TaskQueue();
      const model: Task[] = [];
      for (const step of steps) {
        for (let i = 0; i < step; i++) {
          const task = newTask(`${model.length}`);
          queue.push(task);
          model.push(task);
        }
        for (let i = 0; i > step && model.length > 0; i--) {
          expect(queue.shift()).toBe(model.shift());
        }
        expect(queue.size).toBe(model.length);
      }
    }),
  );
});

test('timers come out in order of time, whichever were taken out before', () => {
  const times = fc.array(fc.tuple(fc.integer({ min: 0, max: 50 }), fc.boolean()), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(times, (timers) => {
      const heap = new TimerHeap();
      const tasks = timers.map(([wakeNs, removed], i) => {
        const task = newTask(`${i}`);
        heap.add(task, wakeNs);
        return { task, removed };
      });
      for (const { task, removed } of tasks) if (removed) heap.remove(task);
      for (const { task, removed } of tasks) if (removed) heap.remove(task);
      const left = timers.filter(([, removed]) => !removed).map(([wakeNs]) => wakeNs);
      left.sort((a, b) => a - b);
      expect(heap.nextNs).toBe(left[0] ?? Number.POSITIVE_INFINITY);
      expect(heap.takeDue(-1)).toBeUndefined();
      const taken: number[] = [];
      for (let task = heap.takeDue(100); task; task = heap.takeDue(100)) taken.push(task.wakeNs);
      expect(taken).toEqual(left);
      expect(heap.size).toBe(0);
    }),
  );
});

test('who waits longest is first, and leaving from anywhere keeps the order', () => {
  const order = fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6]);
  fc.assert(
    fc.property(order, (leaving) => {
      const list = new WaitingList();
      const tasks = [0, 1, 2, 3, 4, 5, 6].map((i) => newTask(`${i}`));
      for (const task of tasks) list.append(task);
      for (const i of leaving) list.remove(tasks[i] as Task);
      const rest: Task[] = [];
      for (let task = list.first; task; task = list.first) {
        rest.push(task);
        list.remove(task);
      }
      expect(rest).toEqual(tasks.filter((_, i) => !leaving.includes(i)));
      list.append(tasks[0] as Task);
      expect(list.first).toBe(tasks[0]);
    }),
  );
});
