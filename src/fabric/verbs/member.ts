import type { ChildProcess } from 'node:child_process';
import type { FarsideError } from '../../core/errors.ts';
import { type ClockOffset, offsetOf, ownClockId, type Sample } from './clock-offset.ts';
import type { Introduction, Reception } from './joined-node.ts';
import type { Link } from './link.ts';
import type { ProcessMessage, ProcessOrder } from './messages.ts';
import type { JoinableRole } from './roles.ts';

/** Enough that one round trip of them met no other work; a millisecond or two. */
const clockSamples = 32;

/** Who is told of a member while it takes part in a run. */
export interface MemberEnds {
  message(message: ProcessMessage): void;
  gone(why: FarsideError): void;
}

/** A process that has joined, as the one who started the run sees it. */
export class Member {
  readonly role: JoinableRole;
  readonly host: string;
  readonly pid: number;
  /** When it joined. */
  clock: ClockOffset = { offsetNs: 0n, errorNs: 0 };
  /** Its process, where this one started it. */
  child: ChildProcess | undefined;
  isGone = false;
  readonly #link: Link;
  readonly #sharesClock: boolean;
  readonly #onGone: (why: FarsideError) => void;
  #ends: MemberEnds | undefined;
  #pong: ((nodeNs: bigint) => void) | undefined;

  constructor(link: Link, { role, host, pid, clockId }: Introduction, onGone: Member['gone']) {
    this.#link = link;
    this.role = role;
    this.host = host;
    this.pid = pid;
    this.#sharesClock = clockId === ownClockId();
    this.#onGone = onGone;
    link.handTo({
      message: (message) => this.#hear(message as ProcessMessage),
      closed: (why) => this.gone(why),
    });
  }

  get isBusy(): boolean {
    return this.#ends !== undefined;
  }

  /** Where it is, for people. */
  get where(): string {
    return `host ${this.host}, process ${this.pid}`;
  }

  /** It takes part in a run until `release`. */
  takePart(ends: MemberEnds): void {
    this.#ends = ends;
  }

  release(): void {
    this.#ends = undefined;
  }

  tell(order: ProcessOrder | Reception): void {
    this.#link.send(order);
  }

  /** Its clock against the one of this process; that there is nothing to measure is exact. */
  async measureClock(): Promise<ClockOffset> {
    if (this.#sharesClock) return { offsetNs: 0n, errorNs: 0 };
    const samples: Sample[] = [];
    while (samples.length < clockSamples && !this.isGone) {
      const sentNs = process.hrtime.bigint();
      const answeredNs = await new Promise<bigint | undefined>((resolve) => {
        this.#pong = resolve;
        this.tell({ kind: 'ping' });
        if (this.isGone) resolve(undefined);
      });
      if (answeredNs === undefined) break;
      samples.push({ sentNs, answeredNs, receivedNs: process.hrtime.bigint() });
    }
    return samples.length === 0 ? this.clock : offsetOf(samples);
  }

  /** It ends now, wherever it is; `gone` is heard when it has. */
  kill(): void {
    this.tell({ kind: 'die' });
    this.child?.kill('SIGKILL');
  }

  /** It did not answer: nobody waits for it any more. */
  drop(why: FarsideError): void {
    this.kill();
    this.#link.close();
    this.gone(why);
  }

  dismiss(): void {
    this.tell({ kind: 'bye' });
    this.#link.close();
  }

  readonly gone = (why: FarsideError): void => {
    if (this.isGone) return;
    this.isGone = true;
    (this.#pong as ((nodeNs?: bigint) => void) | undefined)?.();
    this.#onGone(why);
    this.#ends?.gone(why);
  };

  #hear(message: ProcessMessage): void {
    if (message.kind === 'pong') this.#pong?.(message.nodeNs);
    else this.#ends?.message(message);
  }
}
