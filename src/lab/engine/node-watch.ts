import {
  type Effect,
  effectKind,
  fencedReason,
  type Program,
  type ProgramSeries,
  type Receive,
  receive,
  Spawn,
  settle,
  sleep,
  type Verb,
  verbStatus,
  wait,
} from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import { firstOf, type Running, resume, seriesOf, throwInto } from '../../core/running.ts';
import type { NodeRuntime, StartOptions } from '../../fabric/fabric.ts';
import { isSurvivable } from '../driver/perform.ts';
import { type LastWords, spoken } from './last-words.ts';
import { acrossSpoiled, type Links } from './spoiled-links.ts';

/** A pause before a program goes on with new queue pairs: doubles with each failure in a row. */
const backOffNs = { first: 10_000, last: 5_000_000 } as const;
/** How long a client waits for a server that was lost before it gives its call up. */
export const callTimeoutNs = 1_000_000;
/** A message that cannot be brought to its receiver after so many attempts is given up. */
const resendsMax = 100;
const forever = Number.POSITIVE_INFINITY;
/** What a stopped program does until its fabric takes it away. */
const stoppedNs = 1e12;

/**
 * One start of one node in a run with faults. It stands between the node's programs and its fabric, and
 * only in such runs, so that no other run pays for it. It counts the verbs that the node posts, slows
 * the node down, stops it, and gives a program new queue pairs when one of them has broken.
 */
export class NodeWatch implements NodeRuntime {
  readonly inner: NodeRuntime;
  /** Posted since the clients began. */
  verbs = 0;
  /** What every wait of the node takes longer. */
  slowNs = 0;
  /** Replies to calls begun before this time may never come: their server was lost. */
  callsLostBeforeNs = Number.NEGATIVE_INFINITY;
  /** Programs of the background that a fault has ended. */
  programsEnded = 0;
  /** Programs that are neither daemons nor finished. */
  active = 0;
  /** Where the fabric cannot lose verbs: what is wrong with the ways to others. */
  links: Links | undefined = undefined;
  /** Called once, when a verb was refused because the node's incarnation is fenced. */
  onFenced: () => void = () => {};
  #isHalted = false;
  #lastWords: LastWords | undefined = undefined;
  #alarms: { readonly at: number; readonly ring: () => void }[] = [];

  /** `before`: the node's earlier start, whose count goes on and whose slowness stays. */
  constructor(inner: NodeRuntime, before?: NodeWatch) {
    this.inner = inner;
    if (before === undefined) return;
    this.verbs = before.verbs;
    this.slowNs = before.slowNs;
    this.callsLostBeforeNs = before.callsLostBeforeNs;
    this.#alarms = before.#alarms;
  }

  get context(): NodeRuntime['context'] {
    return this.inner.context;
  }

  get background(): NodeRuntime['background'] {
    return this.inner.background;
  }

  start(program: Program<unknown> | ProgramSeries, options: StartOptions = {}): void {
    if (options.daemon !== true) this.active++;
    this.inner.start(this.#drive(drivenOf(program, options)), options);
  }

  /** Calls `ring` when the node posts its `at`-th verb; the node stops there if `ring` halts it. */
  atVerb(at: number, ring: () => void): void {
    this.#alarms = [...this.#alarms, { at, ring }].sort((a, b) => a.at - b.at);
  }

  /**
   * No program of this start goes on. `lastWords`: how much still lands of what is being posted now,
   * where the fabric itself cannot say.
   */
  halt(lastWords?: LastWords): void {
    this.#isHalted = true;
    this.#lastWords = lastWords;
  }

  get isHalted(): boolean {
    return this.#isHalted;
  }

  /**
   * Runs a program effect by effect. Where a queue pair has broken it starts another root program that
   * goes on with the same generator: queue pairs belong to a root program, so that is reconnecting. The
   * generator notices nothing but the failed verb itself, and a pause.
   */
  *#drive(driven: Driven): Program {
    if (driven.failures > 0) yield* sleep(pauseNs(driven.failures));
    try {
      for (let effect = resume(driven); effect !== undefined; ) {
        while (this.#isHalted) yield* sleep(stoppedNs);
        try {
          yield* this.#perform(driven, effect);
        } catch (error) {
          // The program's own mistake, such as a misaligned address, or a call given up: it may catch it.
          effect = throwInto(driven, error);
          continue;
        }
        while (this.#isHalted) yield* sleep(stoppedNs);
        if (this.#broke(driven, effect)) {
          yield* this.#reconnect(driven);
          return;
        }
        effect = resume(driven);
      }
      if (driven.options.daemon !== true) this.active--;
    } catch (error) {
      const { daemon = false, background = false } = driven.options;
      if (!(daemon || background) || !isSurvivable(error)) throw error;
      this.programsEnded++;
    }
  }

  *#perform(driven: Driven, effect: Effect): Program {
    if (effect.kind === effectKind.spawn) {
      const options = { daemon: true, background: true, label: effect.label };
      yield new Spawn(this.#drive(drivenOf(effect.program, options)), effect.label);
      return;
    }
    if (effect.kind === effectKind.receive && effect.timeoutNs === forever) {
      if (driven.options.daemon !== true) {
        yield* this.#receive(effect);
        return;
      }
    }
    this.#count(effect);
    if (this.#lastWords !== undefined) {
      yield* spoken(verbsOf(effect), this.#lastWords);
      return;
    }
    const { links } = this;
    if (links === undefined || !(yield* acrossSpoiled(effect, links))) yield effect;
    if (effect.kind === effectKind.post) {
      driven.posted.push(...effect.verbs);
      this.#sendSurely(effect.verbs);
    }
    if (this.slowNs > 0 && waits(effect)) yield* sleep(this.slowNs);
  }

  #count(effect: Effect): void {
    if (effect.kind === effectKind.verb) this.verbs++;
    else if (effect.kind === effectKind.batch || effect.kind === effectKind.post) {
      this.verbs += effect.verbs.length;
    } else return;
    for (let [alarm] = this.#alarms; alarm !== undefined && alarm.at <= this.verbs; ) {
      this.#alarms = this.#alarms.slice(1);
      alarm.ring();
      [alarm] = this.#alarms;
    }
  }

  /**
   * A client's wait for a reply. A lost server answers nobody, and a system that is written for a world
   * without faults waits for ever: the call is given up as `RpcCaller` would after a time-out.
   */
  *#receive(effect: Receive): Program {
    const begunNs = this.context.nowNs();
    for (;;) {
      const part = receive(effect.port, { timeoutNs: callTimeoutNs / 4 });
      effect.message = yield* part;
      if (effect.message !== undefined || this.#isHalted) return;
      const waitedNs = this.context.nowNs() - begunNs;
      if (begunNs >= this.callsLostBeforeNs || waitedNs < callTimeoutNs) continue;
      throw new FarsideError('FARSIDE_TIMEOUT', 'the server was lost: the outcome is unknown');
    }
  }

  /** A message whose WRITEs fail is sent again, by programs with queue pairs of their own. */
  #sendSurely(verbs: readonly Verb<unknown>[]): void {
    const { hub } = this.context;
    const message = verbs[0] === undefined ? undefined : hub.messageAt(verbs[0].address);
    if (message === undefined) return;
    const send = (posted: readonly Verb<unknown>[], attempt: number): Program => {
      const again = (failed: readonly Verb<unknown>[]): void => {
        const copies = failed.map((verb) => verb.copy());
        if (attempt < resendsMax) this.#background(send(copies, attempt + 1), 'resend');
      };
      return sending(posted, attempt, () => hub.isWanted(message), again);
    };
    this.#background(send(verbs, 0), 'resend');
  }

  #background(program: Program, label: string): void {
    this.inner.start(program, { daemon: true, background: true, label });
  }

  /** Whether a verb of this effect, or of an earlier `post`, has shown that a queue pair is broken. */
  #broke(driven: Driven, effect: Effect): boolean {
    const named = verbsOf(effect);
    const looked = driven.posted.length === 0 ? named : [...named, ...driven.posted];
    driven.posted = driven.posted.filter((verb) => verb.status < verbStatus.ok);
    const failed = looked.find(hasFailed);
    if (failed === undefined) {
      if (named.some((verb) => verb.status === verbStatus.ok)) driven.failures = 0;
      return false;
    }
    if (failed.reason === fencedReason) {
      this.onFenced();
      return false;
    }
    return true;
  }

  /**
   * First waits for what is still under way, since nothing orders the new queue pairs behind the old:
   * a posted unlock must not overtake nor be overtaken by what the program does next.
   */
  *#reconnect(driven: Driven): Program {
    const { counters } = this.context;
    if (driven.posted.length > 0) yield* wait(driven.posted);
    driven.posted = [];
    driven.failures++;
    this.inner.start(this.#drive(driven), { ...driven.options, counters });
  }
}

/** Waits for a message's WRITEs, posting them but for the first time; asks for more where they fail. */
function* sending(
  verbs: readonly Verb<unknown>[],
  attempt: number,
  isWanted: () => boolean,
  again: (failed: readonly Verb<unknown>[]) => void,
): Program {
  if (attempt === 0) yield* wait(verbs);
  else {
    yield* sleep(pauseNs(attempt));
    if (!isWanted()) return;
    yield* settle(...verbs);
  }
  if (verbs.some(hasFailed) && isWanted()) again(verbs);
}

/** A program, and how it is faring. */
interface Driven extends Running {
  readonly options: StartOptions;
  /** Failures in a row. */
  failures: number;
  /** Posted without waiting, and not completed when last looked at. */
  posted: Verb<unknown>[];
}

function drivenOf(program: Program<unknown> | ProgramSeries, options: StartOptions): Driven {
  const running = { program: firstOf(program), series: seriesOf(program) };
  return { ...running, options, failures: 0, posted: [] };
}

function pauseNs(failures: number): number {
  return Math.min(backOffNs.first * 2 ** (failures - 1), backOffNs.last);
}

function verbsOf(effect: Effect): readonly Verb<unknown>[] {
  switch (effect.kind) {
    case effectKind.verb:
      return [effect];
    case effectKind.batch:
    case effectKind.post:
      return effect.verbs;
    case effectKind.wait:
      return effect.tickets;
    default:
      return [];
  }
}

function hasFailed(verb: Verb<unknown>): boolean {
  return verb.status === verbStatus.failed || verb.status === verbStatus.unknown;
}

function waits({ kind }: Effect): boolean {
  return kind === effectKind.verb || kind === effectKind.batch || kind === effectKind.wait;
}
