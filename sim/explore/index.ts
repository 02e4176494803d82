/**
 * Exploring schedules: an untimed world in which everything that may happen next is a choice, and
 * schedulers that choose. docs/verification.md says why these choices are enough.
 */
export { letTimePass } from './again.ts';
export {
  type ChoiceKind,
  choiceKind,
  choiceOf,
  choiceText,
  kindOf,
  optionOf,
  parseChoice,
  serialOf,
  TaskNames,
  taskOf,
  withOption,
} from './choice.ts';
export {
  actOptions,
  type ChoiceRules,
  type Grain,
  longestAsleep,
  usualChoice,
} from './choices.ts';
export { CommuteCheck } from './commute-check.ts';
export { Crew, type CrewBuffers } from './crew.ts';
export type { Digest } from './digest.ts';
export type { WorldEvents } from './events.ts';
export {
  type ExhaustiveEnd,
  type ExhaustiveHooks,
  ExhaustiveSearch,
  type Run,
  type Together,
} from './exhaustive.ts';
export { type FaultKind, type FaultMenuEntry, faultKinds, outcomesOf } from './faults.ts';
export { type Flight, flightState } from './flight.ts';
export { Footprint } from './footprint.ts';
export { type Knowledge, together } from './knowledge.ts';
export { KnownStates, type StateBuffers } from './known-states.ts';
export { KnownSteps } from './known-steps.ts';
export { WorldMemory } from './memory.ts';
export { MergeCheck, textOf } from './merge-check.ts';
export type { WorldNode } from './node.ts';
export type { WorldObserver } from './observer.ts';
export type { WorldOptions } from './options.ts';
export { PctScheduler } from './pct.ts';
export { pick, RandomScheduler, type Scheduler, withRandomOption } from './random.ts';
export type { ExhaustiveCounts } from './search-counts.ts';
export { Sharing } from './sharing.ts';
export { SlowScheduler } from './slow.ts';
export { boundaryNs, type Task } from './task.ts';
export { World } from './world.ts';
