import type { Durability } from '../../src/core/context.ts';
import type { TaskNames } from './choice.ts';
import type { ChoiceRules } from './choices.ts';
import type { WorldMemory } from './memory.ts';
import type { WorldObserver } from './observer.ts';

export interface WorldOptions {
  readonly memory: WorldMemory;
  readonly names: TaskNames;
  readonly durability: Durability;
  readonly seed: number;
  /** `bounded`: no timer fires beyond the bound of a verb in flight. */
  readonly timing: 'asynchronous' | 'bounded';
  readonly verbBoundNs: number;
  readonly rules: ChoiceRules;
  readonly observer?: WorldObserver | undefined;
}
