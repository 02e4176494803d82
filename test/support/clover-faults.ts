import { expect } from 'vitest';
import type { Audit } from '../../src/systems/recovery.ts';

/** A Clover for faults to meet: three nodes of each kind, few keys, and buffers that soon come round. */
export const faultShape = {
  memoryNodes: 3,
  computeNodes: 3,
  keysMax: 8,
  keyBytesMax: 8,
  valueBytesMax: 400,
  valueBytesMean: 300,
};
export const faultSettings = {
  handlers: 2,
  buffersPerRequest: 4,
  retireBatch: 1,
  retireIntervalNs: 5000,
};

/** One hot key of two compute nodes, whose buffers come round as soon as they may. */
export const hotShape = {
  computeNodes: 2,
  keysMax: 2,
  keyBytesMax: 8,
  valueBytesMax: 200,
  valueBytesMean: 200,
};
export const hotSettings = { buffersPerRequest: 1, retireBatch: 1, retireIntervalNs: 1000 };

/** Nothing that lies in memory breaks an invariant, is lost to everybody, or belongs to two. */
export function expectSound({ violations, leaked, doubled }: Audit): void {
  expect({ violations, leaked, doubled }).toEqual({ violations: [], leaked: [], doubled: [] });
}
