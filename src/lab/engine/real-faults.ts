import { assert } from '../../core/errors.ts';
import { type RandomStream, randomStream } from '../../core/random.ts';
import type { MortalCluster } from '../../fabric/job.ts';
import { SharedCluster } from '../../fabric/shared/cluster.ts';
import type { Fault } from '../../systems/recovery.ts';
import { momentOf } from '../faults/moment.ts';
import type { PlannedFault } from '../faults/plan.ts';
import type { FaultsResult } from '../result.ts';
import { FaultBoard, type TakeOver } from './fault-board.ts';
import { type FaultPart, faultsResult } from './fault-book.ts';
import type { Prepared } from './prepare.ts';
import { meetings, type NewStart, type RealJobData, slots } from './real-job.ts';
import { type Action, Watchman } from './watchman.ts';

const lookMs = 1;
/** A node shows which of its faults are due in one 32-bit word. */
const faultsMax = 32;
/** Nodes that have not done what is waited for in this time have ended. */
const waitMsMax = 5000;
/** Until a node that starts anew is connected: on a busy machine a process takes seconds to load. */
const readyMsMax = 60_000;

/**
 * Carries a fault plan out where time is real, in the thread that started the run. A crash is a worker that
 * is terminated, or a process that is killed. On shared memory, what verbs meet (cut links, a memory node
 * that is gone) the nodes act out themselves, told by the board; over verbs the plan has none of that, since
 * networks and memory nodes are real.
 */
export class RealFaults extends Watchman {
  readonly board: FaultBoard;
  readonly #dice: RandomStream;
  readonly #timers = new Set<NodeJS.Timeout>();
  #nodes!: MortalCluster;
  #dataOf!: (node: number) => RealJobData;
  #look: NodeJS.Timeout | undefined;
  #beganNs: number | undefined;
  #isOver = false;

  constructor(prepared: Prepared, plan: readonly PlannedFault[]) {
    super(prepared, plan);
    assert(
      plan.length <= faultsMax,
      () => `${plan.length} faults where time is real, and ${faultsMax} at most: use --fabric sim`,
      'FARSIDE_LIMIT',
    );
    this.#dice = randomStream(prepared.spec.seed, 'bit flips');
    this.board = new FaultBoard(prepared.cluster.nodes.length);
  }

  /** Watches from now on; call it once the cluster has been started. */
  begin(nodes: MortalCluster, dataOf: (node: number) => RealJobData): void {
    this.#nodes = nodes;
    const { tell } = nodes;
    if (tell !== undefined) this.board.onChange = tell;
    this.#dataOf = dataOf;
    this.#look = setInterval(() => this.#watch(), lookMs);
  }

  /** The run is over: nothing happens any more. */
  end(): void {
    this.#isOver = true;
    clearInterval(this.#look);
    for (const timer of this.#timers) clearTimeout(timer);
  }

  result(parts: readonly FaultPart[]): FaultsResult {
    return faultsResult(this.plan, this.happened, this.#beganNs ?? 0, parts);
  }

  #watch(): void {
    const { cluster } = this.prepared.spec;
    if (this.#beganNs === undefined) {
      const seats = cluster.computeNodes * cluster.clients * cluster.outstanding;
      if (this.#nodes.arrivals(meetings.loaded) < seats) return;
      this.#beganNs = this.#nodes.nowNs;
      for (const [index, { moment }] of this.plan.entries()) {
        if (moment.kind !== 'time') continue;
        const afterNs = momentOf(moment, this.prepared.spec.seed, index);
        this.after(afterNs, () => this.happens(index));
      }
    }
    for (const node of this.#nodes.running) {
      const due = this.#nodes.progress(node, slots.due);
      for (let index = 0; index < this.plan.length; index++) {
        const isDue = ((due >>> index) & 1) === 1;
        if (isDue && this.happened[index] === undefined) this.happens(index);
      }
    }
  }

  // Memory nodes --------------------------------------------------------------------------------

  /** Everything that is visible in its `pm` stays: a thread's memory has no unflushed words. */
  protected override stopMemory(node: number): void {
    this.#cutOff(node, 1);
  }

  protected override startMemory(node: number): void {
    this.#nodes.zeroDram(node);
    this.#cutOff(node, -1);
  }

  #cutOff(node: number, by: 1 | -1): void {
    for (const { id } of this.prepared.cluster.nodes) this.board.changeCuts(id, node, by);
  }

  // Nodes that run programs ---------------------------------------------------------------------

  protected override async crash(index: number, action: Action<'crash'>): Promise<void> {
    const { id: node, role } = this.node(action.node);
    const incarnation = this.#nodes.incarnation(node);
    const done = this.#nodes.progress(node, slots.completed);
    // Until everything below is on its way, nobody may leave.
    this.board.changePending(1);
    await this.#nodes.crash(node);
    if (role !== 'compute') this.#crashedServer(index, action, node, incarnation);
    else {
      if (action.restartAfterNs !== undefined) {
        this.later(action.restartAfterNs, () => {
          void this.#restart(node, (notesBefore) => ({ kind: 'again', done, notesBefore }));
        });
      } else this.board.post({ kind: 'disconnect', node });
      this.tellLater(index, 0, () => ({ kind: 'computeLost', node, incarnation }));
    }
    this.board.changePending(-1);
  }

  #crashedServer(index: number, action: Action<'crash'>, node: number, incarnation: number): void {
    const lost = { kind: 'serverLost', node, incarnation } as const;
    this.board.post({ kind: 'callsLost', beforeNs: Number.MAX_VALUE });
    const afterNs = action.standbyAfterNs ?? action.restartAfterNs;
    if (afterNs === undefined || action.standbyAfterNs !== undefined) {
      this.board.post({ kind: 'disconnect', node });
    }
    if (afterNs === undefined) {
      this.tellLater(index, 0, () => lost);
      return;
    }
    const standby = action.standbyAfterNs === undefined ? undefined : this.freeStandby(node);
    const fault = { ...lost, successor: standby ?? node };
    const takeOver = { kind: 'takeOver', fault, place: this.placeOf(node) } as const;
    this.later(afterNs, () => {
      if (standby === undefined) void this.#restartServer(node, takeOver);
      else {
        this.board.post(takeOver);
        this.board.post({ kind: 'callsLost', beforeNs: this.#nodes.nowNs });
      }
    });
    // Not before a standby serves: what is sent to it earlier finds no port there, and is lost.
    const tookOver = (node: number): boolean => this.#nodes.progress(node, slots.tookOver) > 0;
    const mayTell = (): boolean => standby === undefined || tookOver(standby);
    this.tellLater(index, afterNs, () => fault, mayTell);
  }

  async #restartServer(node: number, takeOver: TakeOver): Promise<void> {
    await this.#restart(node, (notesBefore) => ({ ...takeOver, notesBefore }));
    this.board.post({ kind: 'callsLost', beforeNs: this.#nodes.nowNs });
  }

  /** Its peers empty the rings first: then nothing that they have sent before can be in the way. */
  async #restart(node: number, startOf: (notesBefore: number) => NewStart): Promise<void> {
    const { board } = this;
    board.changePending(1);
    const before = this.#acknowledged();
    const peers = this.#nodes.running.length;
    // Before the peers empty their rings: what they send from then on waits for the new start.
    this.#nodes.zeroDram(node);
    board.post({ kind: 'reconnect', node });
    await this.#until(() => this.#acknowledged() >= before + peers);
    if (!this.#isOver) {
      this.#nodes.restart(node, { ...this.#dataOf(node), start: startOf(board.count) });
      // A client that has not joined yet does not keep the run from ending.
      await this.#until(() => this.#nodes.isReady(node), readyMsMax);
    }
    board.changePending(-1);
  }

  #acknowledged(): number {
    if (this.#nodes.tell === undefined) return this.board.acknowledged;
    const each = this.prepared.cluster.nodes.map(({ id }) =>
      this.#nodes.progress(id, slots.acknowledged),
    );
    return each.reduce((sum, count) => sum + count, 0);
  }

  async #until(holds: () => boolean, msMax = waitMsMax): Promise<void> {
    for (let waitedMs = 0; !holds() && waitedMs < msMax; waitedMs += lookMs) {
      if (this.#isOver) return;
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
  }

  // Disturbances --------------------------------------------------------------------------------

  protected override changeCuts(from: number, to: number, by: 1 | -1): void {
    this.board.changeCuts(from, to, by);
  }

  protected override changeDelay(from: number, to: number, byNs: number): void {
    this.board.changeDelay(from, to, byNs);
  }

  protected override changeLosses(from: number, to: number, by: 1 | -1): void {
    this.board.changeLosses(from, to, by);
  }

  protected override slowPrograms(node: number, byNs: number): void {
    this.board.post({ kind: 'slow', node, byNs });
  }

  /** Each bit in a word that holds something, where one is found: most of a region is empty. */
  protected override flip(node: number, bits: number): void {
    assert(this.#nodes instanceof SharedCluster, 'only shared memory can be flipped from here');
    const { words } = this.#nodes.space.spaces[node] as { words: BigUint64Array };
    for (let i = 0; i < bits; i++) {
      let at = this.#dice.below(words.length);
      for (let draws = 0; draws < 10_000 && words[at] === 0n; draws++) {
        at = this.#dice.below(words.length);
      }
      Atomics.xor(words, at, 1n << BigInt(this.#dice.below(64)));
    }
  }

  // Time ----------------------------------------------------------------------------------------

  protected override get nowNs(): number {
    return this.#nodes.nowNs;
  }

  protected override isRunning(node: number): boolean {
    return this.#nodes.running.includes(node);
  }

  protected override incarnation(node: number): number {
    return this.#nodes.incarnation(node);
  }

  protected override tellLater(
    index: number,
    atLeastNs: number,
    faultOf: () => Fault | undefined,
    mayTell: () => boolean = () => true,
  ): void {
    const { toldAfterNs } = this.plan[index] as PlannedFault;
    if (toldAfterNs === undefined) return;
    const { board } = this;
    this.later(Math.max(toldAfterNs, atLeastNs), async () => {
      await this.#until(mayTell);
      const fault = faultOf();
      if (fault !== undefined) board.post({ kind: 'told', index, fault });
    });
  }

  /** No node leaves before. */
  protected override later(afterNs: number, action: () => void | Promise<void>): void {
    this.board.changePending(1);
    this.after(afterNs, () => {
      void Promise.resolve(action()).then(() => this.board.changePending(-1));
    });
  }

  protected override after(afterNs: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, afterNs / 1e6);
    this.#timers.add(timer);
  }
}
