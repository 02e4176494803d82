import type { Ticket, Wait } from '../../core/effect.ts';
import { Task } from '../shared/task.ts';
import type { Endpoints } from './endpoint.ts';

/** A task with its queue pairs, which are those of its root program, and the verbs that it waits for. */
export class VerbsTask extends Task {
  endpoints: Endpoints = [];
  /** Verbs of its effect that have no outcome yet: it is their `flight`. */
  pending = 0;
  waiting: Waiting | undefined = undefined;
}

/** A wait that is not over: in the `flight` of each of its tickets that has no outcome yet. */
export class Waiting {
  readonly task: VerbsTask;
  readonly effect: Wait;
  /** Tickets that still have to complete. */
  missing: number;

  constructor(task: VerbsTask, effect: Wait, missing: number) {
    this.task = task;
    this.effect = effect;
    this.missing = missing;
  }

  /** Several programs may wait for one ticket. */
  follow(ticket: Ticket): void {
    const others = ticket.flight as Waiting[] | undefined;
    if (others === undefined) ticket.flight = [this];
    else others.push(this);
  }
}
