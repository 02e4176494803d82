import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { FarsideError } from '../../core/errors.ts';
import type { JobSite } from '../job.ts';
import { stopReason } from '../shared/control.ts';
import { fromPlain, type PlainError, plainError } from '../shared/plain-error.ts';
import { ownClockId } from './clock-offset.ts';
import type { Destination } from './connect.ts';
import { Link } from './link.ts';
import type { NodeInput, ProcessMessage, ProcessOrder } from './messages.ts';
import { Orders } from './orders.ts';
import { RemoteSignals } from './remote-signals.ts';
import type { JoinableRole } from './roles.ts';
import { runNode } from './run-node.ts';

/** What a node says first. */
export interface Introduction {
  readonly kind: 'introduction';
  readonly role: JoinableRole;
  readonly host: string;
  readonly pid: number;
  /** Whoever has the same reads the same clock. */
  readonly clockId: string;
}

/** What it is answered, and what it hears last. */
export type Reception =
  | { readonly kind: 'welcome' }
  | { readonly kind: 'refused'; readonly error: PlainError }
  | { readonly kind: 'bye' };

export interface JoinOptions {
  readonly at: { readonly host: string; readonly port: number };
  readonly role: JoinableRole;
  readonly version: string;
  readonly hostName: string;
  /** Default: of this boot of this host. */
  readonly clockId?: string;
  /** How long nobody may listen there: a launcher starts all at once. */
  readonly waitMs: number;
  readonly onJoined?: () => void;
}

/**
 * One node of a run that somebody else started: joins, takes part in the runs that it is given, one after
 * another, and resolves when it is sent home with how many those were. Rejects with one clear error where
 * it is not wanted, or the one who started the run is gone.
 */
export async function joinRuns(options: JoinOptions): Promise<number> {
  const where = `${options.at.host}:${options.at.port}`;
  const socket = await reach(options, where);
  return await new Promise<number>((resolve, reject) => {
    const guest = new Guest(socket, options, {
      home: resolve,
      failed: (error) => {
        const isOurs = error instanceof FarsideError;
        reject(isOurs ? new FarsideError(error.code, `${where}: ${error.message}`) : error);
      },
    });
    guest.introduce();
  });
}

const tryAgainMs = 100;

async function reach({ at, waitMs }: JoinOptions, where: string): Promise<Socket> {
  const endMs = performance.now() + waitMs;
  for (;;) {
    try {
      return await connected(at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const mayCome = code === 'ECONNREFUSED' && performance.now() < endMs;
      if (!mayCome) throw unreachable(where, code, waitMs, error);
      await delay(tryAgainMs);
    }
  }
}

function connected(at: Destination): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(at);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

function unreachable(
  where: string,
  code: string | undefined,
  waitMs: number,
  cause: unknown,
): FarsideError {
  const why =
    code === 'ECONNREFUSED'
      ? `nobody listens there (waited ${waitMs / 1000} s): start farside run --listen ${where} first`
      : code === 'ENOTFOUND' || code === 'EAI_AGAIN'
        ? 'there is no host of that name'
        : `no connection (${code ?? String(cause)})`;
  return new FarsideError('FARSIDE_USAGE', `--join ${where}: ${why}`, { cause });
}

interface GuestEnds {
  home(runs: number): void;
  failed(error: unknown): void;
}

class Guest {
  readonly #link: Link;
  readonly #options: JoinOptions;
  readonly #ends: GuestEnds;
  #runs = 0;
  #current: CurrentRun | undefined;

  constructor(socket: Socket, options: JoinOptions, ends: GuestEnds) {
    this.#options = options;
    this.#ends = ends;
    this.#link = new Link(socket, options.version, {
      message: (message) => this.#hear(message as ProcessOrder | Reception),
      closed: (why) => this.#lost(why),
    });
  }

  introduce(): void {
    const { role, hostName: host, clockId = ownClockId() } = this.#options;
    const { pid } = process;
    this.#link.send({ kind: 'introduction', role, host, pid, clockId } satisfies Introduction);
  }

  #hear(order: ProcessOrder | Reception): void {
    switch (order.kind) {
      case 'welcome':
        this.#options.onJoined?.();
        break;
      case 'refused':
        this.#link.close();
        this.#ends.failed(fromPlain(order.error));
        break;
      case 'bye':
        this.#link.close();
        this.#ends.home(this.#runs);
        break;
      case 'ping':
        this.#say({ kind: 'pong', nodeNs: process.hrtime.bigint() });
        break;
      case 'run':
        void this.#run(order.input, order.told);
        break;
      case 'die':
        process.kill(process.pid, 'SIGKILL');
        break;
      default:
        this.#current?.hear(order);
    }
  }

  async #run(input: NodeInput, told: readonly unknown[]): Promise<void> {
    const run = new CurrentRun((message) => this.#say(message), told);
    this.#current = run;
    try {
      // Its module lies where ours does: hosts need not have farside in the same folder.
      const module = new URL(input.module, import.meta.url).href;
      await runNode({ ...input, module }, run);
      this.#runs++;
    } catch (error) {
      this.#say({ kind: 'error', error: plainError(error) });
    } finally {
      this.#current = undefined;
      run.close();
      this.#say({ kind: 'over' });
    }
  }

  #say(message: ProcessMessage): void {
    this.#link.send(message);
  }

  /** A run that is under way may be in the middle of anything: the process ends with its error. */
  #lost(why: FarsideError): void {
    const gone = new FarsideError(why.code, `the one who started the run is gone: ${why.message}`);
    this.#current?.quit(gone);
    this.#ends.failed(why.code === 'FARSIDE_TIMEOUT' ? gone : why);
  }
}

type RunOrder = Exclude<ProcessOrder, { kind: 'run' | 'die' | 'ping' }>;

/** What one run is told and says. */
class CurrentRun {
  readonly orders = new Orders();
  readonly signals: RemoteSignals;
  readonly say: (message: ProcessMessage) => void;
  #told: unknown[];
  #hearTold: ((value: unknown) => void) | undefined;
  #move: ((node: number, at: Destination) => void) | undefined;

  constructor(say: (message: ProcessMessage) => void, told: readonly unknown[]) {
    this.say = say;
    this.signals = new RemoteSignals(say);
    this.#told = [...told];
  }

  readonly onTold: JobSite['onTold'] = (hear) => {
    this.#hearTold = hear;
    for (const value of this.#told.splice(0)) hear(value);
  };

  readonly onMoved = (move: (node: number, at: Destination) => void): void => {
    this.#move = move;
  };

  hear(order: RunOrder): void {
    switch (order.kind) {
      case 'signals':
        this.signals.hear(order);
        break;
      case 'told':
        if (this.#hearTold === undefined) this.#told.push(order.value);
        else this.#hearTold(order.value);
        break;
      case 'moved':
        this.#move?.(order.node, order.at);
        break;
      case 'quit':
        this.quit(new FarsideError('FARSIDE_TIMEOUT', 'the run has failed elsewhere'));
        break;
      default:
        this.orders.hear(order);
    }
  }

  quit(error: FarsideError): void {
    this.signals.stopped = stopReason.aborted;
    this.orders.end(error);
  }

  close(): void {
    this.signals.close();
  }
}
