import type { ClusterNode } from '../../memory/cluster.ts';
import type { Fault } from '../../systems/recovery.ts';
import { type FaultAction, type Keeping, type PlannedFault, placeTaken } from '../faults/plan.ts';
import type { Prepared } from './prepare.ts';

export type Action<K extends FaultAction['kind']> = Extract<FaultAction, { kind: K }>;

/**
 * Carries a fault plan out: does to the cluster what each fault says, tells survivors of it when they may
 * know, and keeps book. In a real cluster a management service would be that. Here is what the faults
 * mean; how each is done is the matter of those who know the cluster, in virtual time or in real time.
 */
export abstract class Watchman {
  protected readonly prepared: Prepared;
  protected readonly plan: readonly PlannedFault[];
  /** When each fault of the plan happened, on the cluster's clock. */
  protected readonly happened: (number | undefined)[];
  /**
   * Spares and standbys that have taken somebody's place, or that the plan names for one: were they free
   * until then, a `lose` that names none would take what a later `move` is to, and one of the two places
   * would be overwritten.
   */
  readonly #used: Set<string>;
  /** By standby that has taken over: the node that its server was on when the store began. */
  readonly #places = new Map<number, number>();
  /** Memory nodes that are off now, and those that will not come back, whatever was to start them. */
  readonly #off = new Set<number>();
  readonly #lost = new Set<number>();
  /** By memory node, how often it has started anew. */
  readonly #starts = new Map<number, number>();

  constructor(prepared: Prepared, plan: readonly PlannedFault[]) {
    this.prepared = prepared;
    this.plan = plan;
    this.happened = plan.map(() => undefined);
    this.#used = new Set(plan.flatMap((fault) => placeTaken(fault) ?? []));
  }

  /** On the cluster's clock. */
  protected abstract get nowNs(): number;
  protected abstract after(afterNs: number, action: () => void): void;
  /** The same, and the run does not end before. */
  protected abstract later(afterNs: number, action: () => void): void;
  /**
   * Tells survivors when they may know, and not before `atLeastNs` have passed. `faultOf` gives nothing where
   * what was to be told did not come to pass.
   */
  protected abstract tellLater(
    index: number,
    atLeastNs: number,
    faultOf: () => Fault | undefined,
  ): void;

  protected abstract stopMemory(node: number, keeping: Keeping): void;
  protected abstract startMemory(node: number): void;
  /** Of a node that runs programs. */
  protected abstract crash(index: number, action: Action<'crash'>): void | Promise<void>;
  protected abstract isRunning(node: number): boolean;
  protected abstract incarnation(node: number): number;
  /** Every wait of its programs takes so much longer. */
  protected abstract slowPrograms(node: number, byNs: number): void;
  protected abstract flip(node: number, bits: number): void;
  /** Of one direction between two nodes: cuts count, and delays add up. */
  protected abstract changeCuts(from: number, to: number, by: 1 | -1): void;
  protected abstract changeDelay(from: number, to: number, byNs: number): void;
  protected abstract changeLosses(from: number, to: number, by: 1 | -1): void;

  protected happens(index: number): void {
    const { action } = this.plan[index] as PlannedFault;
    // Who is down cannot crash again.
    if (action.kind === 'crash' && !this.#isUp(action.node)) return;
    this.happened[index] = this.nowNs;
    switch (action.kind) {
      case 'crash':
        if (this.node(action.node).role === 'memory') this.#crashMemory(index, action);
        else void this.crash(index, action);
        break;
      case 'lose':
        this.#lose(index, action);
        break;
      case 'move': {
        const [node, to] = [this.id(action.node), this.id(action.to)];
        this.tellLater(index, 0, () => ({ kind: 'memoryMoved', node, to }));
        break;
      }
      case 'partition':
        this.#partition(action);
        break;
      case 'slow':
        this.#slow(index, action);
        break;
      case 'slowLink': {
        const [from, to] = [this.id(action.from), this.id(action.to)];
        this.forATime(action.forNs, (by) => this.changeDelay(from, to, by * action.byNs));
        break;
      }
      case 'loseCompletions': {
        // Completions come back from where the requests went.
        const [from, to] = [this.id(action.to), this.id(action.from)];
        this.forATime(action.forNs, (by) => this.changeLosses(from, to, by));
        break;
      }
      case 'flip':
        this.flip(this.id(action.node), action.bits);
        break;
    }
  }

  #isUp(name: string): boolean {
    const { id, role } = this.node(name);
    if (role === 'memory') return !this.#off.has(id);
    return this.isRunning(id) && (role !== 'standby' || this.#places.has(id));
  }

  #crashMemory(index: number, action: Action<'crash'>): void {
    const node = this.id(action.node);
    const { keeping, restartAfterNs = 0 } = action;
    this.#off.add(node);
    this.stopMemory(node, keeping);
    this.later(restartAfterNs, () => {
      if (this.#lost.has(node)) return;
      this.startMemory(node);
      this.#starts.set(node, this.#startsOf(node) + 1);
      this.#off.delete(node);
    });
    this.tellLater(index, restartAfterNs, () =>
      this.#lost.has(node)
        ? undefined
        : { kind: 'memoryRestarted', node, start: this.#startsOf(node) },
    );
  }

  #startsOf(node: number): number {
    return this.#starts.get(node) ?? 0;
  }

  #lose(index: number, { node: name, spare: named }: Action<'lose'>): void {
    const { cluster, shape } = this.prepared;
    const node = this.id(name);
    if (!this.#off.has(node)) this.stopMemory(node, 'random');
    this.#off.add(node);
    this.#lost.add(node);
    const spares = cluster.withRole('memory').slice(shape.memoryNodes);
    const spare = named === undefined ? this.#firstUnused(spares) : this.node(named);
    if (spare !== undefined) this.#used.add(spare.name);
    this.tellLater(index, 0, () => ({ kind: 'memoryLost', node, spare: spare?.id }));
  }

  #partition({ left, right, forNs }: Action<'partition'>): void {
    for (const one of left.map((name) => this.id(name))) {
      for (const other of right.map((name) => this.id(name))) {
        this.forATime(forNs, (by) => {
          this.changeCuts(one, other, by);
          this.changeCuts(other, one, by);
        });
      }
    }
  }

  /** A memory node is slow to be reached; any other is slow to go on after each wait. */
  #slow(index: number, { node: name, byNs, forNs }: Action<'slow'>): void {
    const { id: node, role } = this.node(name);
    if (role === 'memory') {
      const others = this.prepared.cluster.nodes.filter((other) => other.role !== 'memory');
      this.forATime(forNs, (by) => {
        for (const { id } of others) this.changeDelay(id, node, by * byNs);
      });
      return;
    }
    if (!this.isRunning(node)) return;
    this.forATime(forNs, (by) => this.slowPrograms(node, by * byNs));
    const incarnation = this.incarnation(node);
    const kind = role === 'compute' ? 'computeLost' : 'serverLost';
    this.tellLater(index, 0, () => ({ kind, node, incarnation }));
  }

  /** Which of the system's servers runs on that node. */
  protected placeOf(node: number): number {
    return this.#places.get(node) ?? node;
  }

  /** The next one takes the place of `lost`. The plan has been held to the cluster: there is one. */
  protected freeStandby(lost: number): number {
    const free = this.#firstUnused(this.prepared.cluster.withRole('standby')) as ClusterNode;
    this.#used.add(free.name);
    this.#places.set(free.id, this.placeOf(lost));
    return free.id;
  }

  #firstUnused(nodes: readonly ClusterNode[]): ClusterNode | undefined {
    return nodes.find(({ name }) => !this.#used.has(name));
  }

  /** Does it once with 1, and with -1 when the time is over. */
  protected forATime(forNs: number | undefined, change: (by: 1 | -1) => void): void {
    change(1);
    if (forNs !== undefined) this.after(forNs, () => change(-1));
  }

  protected node(name: string): ClusterNode {
    return this.prepared.cluster.byName(name);
  }

  protected id(name: string): number {
    return this.node(name).id;
  }
}
