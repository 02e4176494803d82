import { Worker } from 'node:worker_threads';
import { FarsideError } from '../../core/errors.ts';
import { workerDied } from '../shared/plain-error.ts';
import type { Destination } from './connect.ts';
import type { Member } from './member.ts';
import type { NodeInput, NodeMessage, ProcessMessage, ProcessOrder } from './messages.ts';
import type { WorkerInput } from './worker.ts';

/** One start of one node, as the cluster that runs it sees it: a thread, or a process. */
export interface Seat {
  readonly node: number;
  readonly incarnation: number;
  /** What of it is a process. */
  readonly member: Member | undefined;
  at: Destination | undefined;
  isReady: boolean;
  /** It is to end without a result: it crashes on purpose. */
  isDoomed: boolean;
  /** Has left the run, or ended. */
  readonly exited: Promise<void>;
  tell(order: ProcessOrder): void;
  /** Ends it without a result, since the run has failed. */
  end(): void;
}

export interface SeatEnds {
  hear(seat: Seat, message: ProcessMessage): void;
  failed(seat: Seat, error: FarsideError): void;
  exited(seat: Seat): void;
}

export function threadSeat(name: string, input: WorkerInput, ends: SeatEnds): Seat {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: input, name });
  const { seat, exit } = makeSeat(input, undefined, {
    tell: (order) => worker.postMessage(order),
    end: () => void worker.terminate(),
  });
  worker.on('message', (message: NodeMessage) => ends.hear(seat, message));
  worker.on('error', (error: NodeJS.ErrnoException) => ends.failed(seat, workerDied(name, error)));
  worker.on('exit', () => exit(ends));
  return seat;
}

/** A process that was told to end is given so long before it is ended. */
const graceMs = 5000;

/** A node that has joined; it may take part in further runs when it is over with this one. */
export function processSeat(
  name: string,
  input: NodeInput,
  told: readonly unknown[],
  member: Member,
  ends: SeatEnds,
): Seat {
  let grace: NodeJS.Timeout | undefined;
  const over = (): void => {
    clearTimeout(grace);
    member.release();
    exit(ends);
  };
  const { seat, exit } = makeSeat(input, member, {
    tell: (order) => member.tell(order),
    end: () => {
      member.tell({ kind: 'quit' });
      const why = new FarsideError('FARSIDE_TIMEOUT', 'it did not end when it was told to');
      grace ??= setTimeout(() => member.drop(why), graceMs);
    },
  });
  member.takePart({
    message: (message) => {
      if (message.kind === 'over') over();
      else ends.hear(seat, message);
    },
    gone: (why) => {
      const error = new FarsideError(why.code, `${name} (${member.where}) is gone: ${why.message}`);
      if (!seat.isDoomed) ends.failed(seat, error);
      over();
    },
  });
  member.tell({ kind: 'run', input, told });
  return seat;
}

function makeSeat(
  { node, incarnation }: NodeInput,
  member: Member | undefined,
  ways: Pick<Seat, 'tell' | 'end'>,
): { readonly seat: Seat; readonly exit: (ends: SeatEnds) => void } {
  let onExit = (): void => {};
  const exited = new Promise<void>((resolve) => {
    onExit = resolve;
  });
  const seat: Seat = {
    node,
    incarnation,
    member,
    at: undefined,
    isReady: false,
    isDoomed: false,
    exited,
    ...ways,
  };
  const exit = (ends: SeatEnds): void => {
    ends.exited(seat);
    onExit();
  };
  return { seat, exit };
}
