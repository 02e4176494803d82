import { expect, test } from 'vitest';
import { ControlBlock, stopReason } from './control.ts';

function controlOf(nodes: number): ControlBlock {
  return new ControlBlock(ControlBlock.bufferFor(nodes), new Uint8Array(nodes).fill(1));
}

/** Far longer than the test may take: who comes back sooner did not wait for it. */
const longNs = 40e9;

test('a bell that rings after the sleeper looked, and before it rests, wakes it', () => {
  const control = controlOf(2);
  let looks = 0;
  const start = performance.now();
  control.sleep(
    1,
    () => {
      looks++;
      control.ring(1);
      return false;
    },
    longNs,
  );
  expect(looks).toBe(1);
  expect((performance.now() - start) * 1e6).toBeLessThan(longNs / 2);
});

test('a sleeper that finds something does not wait, and nobody rings one who is awake', () => {
  const control = controlOf(2);
  const start = performance.now();
  control.ring(0);
  control.sleep(0, () => true, longNs);
  control.stop(stopReason.done);
  control.sleep(0, () => false, longNs);
  expect((performance.now() - start) * 1e6).toBeLessThan(longNs / 2);
});

test('a sleeper that nobody rings comes back at its time-out', () => {
  const control = controlOf(1);
  const start = performance.now();
  control.sleep(0, () => false, 5e6);
  expect(performance.now() - start).toBeGreaterThanOrEqual(4);
});

test('the run ends when the last client leaves, or its thread is gone', () => {
  const control = controlOf(3);
  control.clientJoins(0);
  control.clientJoins(1);
  control.clientLeaves(0);
  control.clientLeaves(0);
  control.clientLeaves(2);
  expect(control.stopped).toBe(stopReason.none);
  control.nodeExited(1);
  expect([control.stopped, control.hasExited(1), control.hasExited(0)]).toEqual([
    stopReason.done,
    true,
    false,
  ]);
  control.stop(stopReason.aborted);
  expect(control.stopped).toBe(stopReason.done);
});

test('progress is unsigned, by node and slot; others than there are are refused', () => {
  const control = controlOf(2);
  control.setProgress(1, 7, 4_000_000_000);
  control.setProgress(1, 0, 3);
  expect([control.progress(1, 7), control.progress(1, 0), control.progress(0, 7)]).toEqual([
    4_000_000_000, 3, 0,
  ]);
  expect([control.arrive(3), control.arrive(3), control.arrived(3), control.arrived(4)]).toEqual([
    1, 2, 2, 0,
  ]);
  expect(() => control.setProgress(0, 8, 1)).toThrow('there is no progress slot 8');
  expect(() => control.arrive(16)).toThrow('there is no meeting point 16');
});
