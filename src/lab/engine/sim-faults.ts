import type { SimCluster } from '../../../sim/index.ts';
import type { NodeRuntime } from '../../fabric/fabric.ts';
import type { Fault } from '../../systems/recovery.ts';
import type { Measuring } from '../driver/clients.ts';
import { OutageBook } from '../driver/outages.ts';
import { momentOf } from '../faults/moment.ts';
import type { Keeping, PlannedFault } from '../faults/plan.ts';
import type { FaultsResult } from '../result.ts';
import { faultsResult, isLasting, type Recovered } from './fault-book.ts';
import type { NodeJob } from './node-job.ts';
import { callTimeoutNs, NodeWatch } from './node-watch.ts';
import type { Prepared } from './prepare.ts';
import { type Recoverer, tell } from './recovering.ts';
import type { ServingNode } from './serving-node.ts';
import { type Action, Watchman } from './watchman.ts';

/** How a node stops at a verb: after what the verb's step has posted, and before anything else. */
const justAfterNs = 1;

/** Carries a fault plan out in virtual time. */
export class SimFaults extends Watchman {
  readonly outages: OutageBook;
  readonly #sim: SimCluster;
  /** All starts of all nodes, for the counts; the present start by node. */
  readonly #starts: NodeWatch[] = [];
  readonly #watches = new Map<number, NodeWatch>();
  readonly #recovered: Recovered[] = [];
  /** What was told of things that stay: a node that starts later must learn it, too. */
  readonly #lasting: { readonly fault: Fault; readonly index: number }[] = [];
  #jobs: readonly NodeJob[] = [];
  #servers: readonly ServingNode[] = [];
  #measuring: Measuring | undefined;
  #beganNs = 0;

  constructor(prepared: Prepared, sim: SimCluster, plan: readonly PlannedFault[]) {
    super(prepared, plan);
    this.#sim = sim;
    this.outages = new OutageBook(() => sim.nowNs);
  }

  /** The present start of a node, as its programs see it. */
  runtime(node: number): NodeRuntime {
    return this.#watches.get(node) ?? this.#watch(node);
  }

  #watch(node: number): NodeWatch {
    const watch = new NodeWatch(this.#sim.runtime(node), this.#watches.get(node));
    watch.onFenced = () => this.#fenced(node, watch);
    this.#starts.push(watch);
    this.#watches.set(node, watch);
    return watch;
  }

  /** The clients begin: moments of the plan count from here. */
  begin(jobs: readonly NodeJob[], servers: readonly ServingNode[], measuring: Measuring): void {
    this.#jobs = jobs;
    this.#servers = servers;
    this.#measuring = measuring;
    this.#beganNs = this.#sim.nowNs;
    for (const watch of this.#watches.values()) watch.verbs = 0;
    for (const [index, fault] of this.plan.entries()) this.#arm(index, fault);
  }

  result(): FaultsResult {
    const programsEnded = this.#starts.reduce((sum, watch) => sum + watch.programsEnded, 0);
    return faultsResult(this.plan, this.happened, this.#beganNs, [
      {
        recovered: this.#recovered,
        outages: this.outages.outages,
        served: this.outages.served,
        programsEnded,
      },
    ]);
  }

  #arm(index: number, { action, moment }: PlannedFault): void {
    const when = momentOf(moment, this.prepared.spec.seed, index);
    const happens = (): void => this.happens(index);
    if (moment.kind === 'time') {
      this.#sim.at(this.#beganNs + when, happens);
      return;
    }
    const name = moment.of ?? (action as { readonly node: string }).node;
    const watch = this.#watches.get(this.id(name));
    watch?.atVerb(when, () => {
      // Nothing of a node that is to crash goes on; what the verb belongs to is still posted.
      if (action.kind === 'crash' && action.node === name) watch.halt();
      this.#sim.at(watch.context.nowNs() + justAfterNs, happens);
    });
  }

  // Memory nodes --------------------------------------------------------------------------------

  protected override stopMemory(node: number, keeping: Keeping): void {
    this.#sim.crashMemory(node, keeping);
  }

  protected override startMemory(node: number): void {
    this.#sim.restartMemory(node);
  }

  // Nodes that run programs ---------------------------------------------------------------------

  protected override crash(index: number, action: Action<'crash'>): void {
    const { id: node, role } = this.node(action.node);
    this.#watches.get(node)?.halt();
    const incarnation = this.#sim.incarnation(node);
    this.#sim.crashCompute(node, action);
    this.outages.crashed(node);
    if (role !== 'compute') {
      this.#crashServer(index, action, node, incarnation);
      return;
    }
    const { restartAfterNs } = action;
    if (restartAfterNs !== undefined) this.later(restartAfterNs, () => this.#restart(node));
    else this.#disconnect(node, incarnation);
    this.tellLater(index, 0, () => ({ kind: 'computeLost', node, incarnation }));
  }

  /** New programs on the same node: they go on with the workload where the old ones were. */
  #restart(node: number): void {
    this.#sim.restartCompute(node);
    const watch = this.#watch(node);
    const job = this.#jobs.find(({ runtime }) => runtime.context.node === node) as NodeJob;
    job.open(watch);
    for (const { fault, index } of this.#lasting) {
      if (isLasting(fault, false)) tell(watch, job.node, fault, index, () => {});
    }
    for (const seat of job.continuePrograms(this.#measuring as Measuring)) {
      watch.start(seat.program, seat);
    }
  }

  #crashServer(index: number, action: Action<'crash'>, node: number, incarnation: number): void {
    const lost = { kind: 'serverLost', node, incarnation } as const;
    this.#callsAreLost(Number.POSITIVE_INFINITY);
    this.later(callTimeoutNs, () => this.#disconnect(node, incarnation));
    const afterNs = action.standbyAfterNs ?? action.restartAfterNs;
    if (afterNs === undefined) {
      this.tellLater(index, 0, () => lost);
      return;
    }
    const successor = action.standbyAfterNs === undefined ? node : this.freeStandby(node);
    this.later(afterNs, () => {
      if (successor === node) this.#sim.restartCompute(node);
      this.#takeOver(successor, { ...lost, successor });
      this.#callsAreLost(this.#sim.nowNs);
    });
    this.tellLater(index, afterNs, () => ({ ...lost, successor }));
  }

  /** No ring to a node that is gone will ever have room again. */
  #disconnect(node: number, incarnation: number): void {
    if (this.#sim.incarnation(node) !== incarnation) return;
    for (const [id, { context }] of this.#watches) if (id !== node) context.hub.disconnect(node);
  }

  #takeOver(successor: number, fault: Fault & { readonly kind: 'serverLost' }): void {
    const serving = this.#servers.find(({ node }) => node === fault.node);
    if (serving === undefined) return;
    const watch = this.#watch(successor);
    serving.takeOver(watch, fault);
    // What was told while no server lived: one that waits for a lost memory node would wait for ever.
    for (const { fault: lasting, index } of this.#lasting) {
      tell(watch, serving.server, lasting, index, (recovered) => this.#recovered.push(recovered));
    }
  }

  #callsAreLost(beforeNs: number): void {
    for (const { runtime } of this.#jobs) {
      const watch = this.#watches.get(runtime.context.node);
      if (watch !== undefined) watch.callsLostBeforeNs = beforeNs;
    }
  }

  /** It lives, and is taken for dead: it stops when it learns of it. */
  #fenced(node: number, watch: NodeWatch): void {
    if (watch.isHalted) return;
    watch.halt();
    this.#sim.at(watch.context.nowNs() + justAfterNs, () => {
      this.#sim.crashCompute(node, { landing: 'none' });
      this.outages.crashed(node);
    });
  }

  // Disturbances --------------------------------------------------------------------------------

  protected override changeCuts(from: number, to: number, by: 1 | -1): void {
    this.#sim.link(from, to).cuts += by;
  }

  protected override changeDelay(from: number, to: number, byNs: number): void {
    this.#sim.link(from, to).delayNs += byNs;
  }

  protected override changeLosses(from: number, to: number, by: 1 | -1): void {
    this.#sim.link(from, to).losses += by;
  }

  protected override flip(node: number, bits: number): void {
    this.#sim.flipBits(node, bits);
  }

  protected override slowPrograms(node: number, byNs: number): void {
    (this.#watches.get(node) as NodeWatch).slowNs += byNs;
  }

  // Telling -------------------------------------------------------------------------------------

  protected override tellLater(
    index: number,
    atLeastNs: number,
    faultOf: () => Fault | undefined,
  ): void {
    const { toldAfterNs } = this.plan[index] as PlannedFault;
    if (toldAfterNs === undefined) return;
    this.later(Math.max(toldAfterNs, atLeastNs), () => {
      const fault = faultOf();
      if (fault !== undefined) this.#tell(index, fault);
    });
  }

  #tell(index: number, fault: Fault): void {
    if (isLasting(fault, true)) this.#lasting.push({ fault, index });
    const listeners: [number, Recoverer][] = [
      ...this.#jobs.map((job): [number, Recoverer] => [job.runtime.context.node, job.node]),
      ...this.#servers.map(({ node, server }): [number, Recoverer] => [node, server]),
    ];
    for (const [node, who] of listeners) {
      const watch = this.#watches.get(node);
      const isAbout = 'incarnation' in fault && watch?.context.incarnation === fault.incarnation;
      if (watch === undefined || isAbout) continue;
      tell(watch, who, fault, index, (recovered) => this.#recovered.push(recovered));
    }
  }

  protected override later(afterNs: number, action: () => void): void {
    const release = this.#sim.hold();
    this.#sim.at(this.#sim.nowNs + afterNs, () => {
      action();
      release();
    });
  }

  protected override get nowNs(): number {
    return this.#sim.nowNs;
  }

  protected override isRunning(node: number): boolean {
    return this.#watches.has(node) && this.#sim.isUp(node);
  }

  protected override incarnation(node: number): number {
    return this.#sim.incarnation(node);
  }

  protected override after(afterNs: number, action: () => void): void {
    this.#sim.at(this.#sim.nowNs + afterNs, action);
  }
}
