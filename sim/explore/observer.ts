import type { FaultMenuEntry } from './faults.ts';
import type { Flight } from './flight.ts';
import type { Task } from './task.ts';

/** Told of what happens, in order; for diagrams. */
export interface WorldObserver {
  posted(flight: Flight): void;
  /** Wholly, or its first part. */
  acted(flight: Flight): void;
  completed(flight: Flight): void;
  /** A program's own step, where it is of interest: a message taken, local memory written. */
  stepped(task: Task, what: string): void;
  fault(entry: FaultMenuEntry): void;
}
