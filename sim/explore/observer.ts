import type { FaultMenuEntry } from './faults.ts';
import type { Flight } from './flight.ts';
import type { Task } from './task.ts';
import type { World } from './world.ts';

/** Told of what happens, in order; for diagrams. */
export interface WorldObserver {
  /** What is of interest begins: everything before was to get there. */
  opened(world: World): void;
  posted(flight: Flight): void;
  /** About to act, wholly or in part. */
  acting(flight: Flight): void;
  acted(flight: Flight): void;
  completed(flight: Flight): void;
  /** A program's own step, where it is of interest: a message taken, an operation begun. */
  stepped(task: Task, what: string): void;
  fault(entry: FaultMenuEntry): void;
}
