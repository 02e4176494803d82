import { expect } from 'vitest';
import type { System } from '../../src/systems/system.ts';
import { type Budgeted, searchFor } from './twin-scenarios.ts';

/** What the check has found once, in a system or in the world around it, stays found. */
export interface Found extends Budgeted {
  readonly system: System;
  readonly what: string;
  /** A rare state without which the schedules would show nothing. */
  readonly reaches?: string;
  /** What was counted before, in the same schedules. */
  readonly never?: string;
}

export function expectMended(one: Found): void {
  const { failure, schedules, events } = searchFor(one.system, one);
  expect(failure?.judgement).toBeUndefined();
  if (one.reaches !== undefined) expect(events[one.reaches]).toBeGreaterThan(0);
  if (one.never !== undefined) expect(events[one.never]).toBe(0);
  expect(schedules).toBe(one.schedules);
}
