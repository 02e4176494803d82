import type { Scenario } from '../scenario.ts';
import { contentionScenarios } from './contention.ts';
import { counterScenarios } from './counters.ts';
import { errorScenarios } from './errors.ts';
import { messageScenarios } from './messages.ts';
import { postingScenarios } from './posting.ts';
import { timeScenarios } from './time.ts';
import { verbScenarios } from './verbs.ts';

export const scenarios: readonly Scenario[] = [
  ...verbScenarios,
  ...postingScenarios,
  ...counterScenarios,
  ...errorScenarios,
  ...contentionScenarios,
  ...messageScenarios,
  ...timeScenarios,
];
