/** What an exhaustive search has done so far. */
export interface ExhaustiveCounts {
  /** Schedules that were run to their end. */
  schedules: number;
  /** Distinct states, and steps taken from one to another. */
  states: number;
  steps: number;
  /** Branches that came to a state already searched, and those that sleep sets left out. */
  cutByState: number;
  cutBySleep: number;
  /** Branches left out because a verb there is nobody else's business. */
  cutByLonely: number;
  /** How often the search began anew, having taken a word for lonely that is not. */
  restarts: number;
  /** Schedules that lie behind the branches cut by state: what they would have been without it. */
  schedulesSaved: number;
  longestSchedule: number;
  /**
   * States in which a timer was held back, because as many had been early as may be. None: the search is
   * complete for any number of early timers.
   */
  heldTimers: number;
}

export function noCounts(): ExhaustiveCounts {
  return {
    schedules: 0,
    states: 0,
    steps: 0,
    cutByState: 0,
    cutBySleep: 0,
    cutByLonely: 0,
    restarts: 0,
    schedulesSaved: 0,
    longestSchedule: 0,
    heldTimers: 0,
  };
}
