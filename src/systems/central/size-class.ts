import { assert } from '../../core/errors.ts';
import { recordBytesMax } from '../../core/record.ts';

/**
 * Size classes of buffers: 64 to 512 bytes in steps of 64, then eight steps to each doubling, up to
 * the largest record. A record wastes at most 63 bytes of a small buffer and an eighth of a large
 * one.
 */
const stepBytes = 64;
const linearClasses = 8;
const linearBytesMax = stepBytes * linearClasses;
const classesPerDoubling = 8;

/** The largest class: 36 KiB, the first that holds the largest record. */
export const classBytesMax = 36 * 1024;

/** The smallest class whose buffers hold `bytes`. */
export function classOf(bytes: number): number {
  assert(bytes >= 1 && bytes <= classBytesMax, () => `no size class for ${bytes} B`);
  if (bytes <= linearBytesMax) return Math.ceil(bytes / stepBytes) - 1;
  const doubling = 31 - Math.clz32(bytes - 1) - 9;
  const base = linearBytesMax * 2 ** doubling;
  const step = Math.ceil((bytes - base) / (stepBytes * 2 ** doubling)) - 1;
  return linearClasses + doubling * classesPerDoubling + step;
}

/** The size of a class's buffers. */
export function classBytes(index: number): number {
  if (index < linearClasses) return stepBytes * (index + 1);
  const doubling = Math.floor((index - linearClasses) / classesPerDoubling);
  const step = (index - linearClasses) % classesPerDoubling;
  return (linearBytesMax + stepBytes * (step + 1)) * 2 ** doubling;
}

export const classCount = classOf(recordBytesMax) + 1;
