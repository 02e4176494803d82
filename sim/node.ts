import { offsetOf } from '../src/core/address.ts';
import type { Durability, OwnContext } from '../src/core/context.ts';
import { Counters } from '../src/core/counters.ts';
import { type ComputeKind, type Program, type ProgramSeries, sleep } from '../src/core/effect.ts';
import { MailboxHub } from '../src/core/mailbox.ts';
import { streamsOf } from '../src/core/random.ts';
import type { NodeRuntime, StartOptions } from '../src/fabric/fabric.ts';
import { type ClusterMap, mailboxRegionName } from '../src/memory/cluster.ts';
import type { Costs } from './costs.ts';
import { Core } from './cpu.ts';
import type { Kernel } from './kernel.ts';
import type { Machine } from './machine.ts';
import type { Scheduler } from './scheduler.ts';
import { Root, Task } from './task.ts';

/** Between attempts to tell a peer that cannot be reached how many of its messages were taken. */
const creditRetryNs = 1_000_000;

/** What all nodes of a cluster share. */
export interface NodeSetting {
  readonly cluster: ClusterMap;
  readonly seed: number;
  readonly durability: Durability;
  readonly costs: Costs;
  readonly kernel: Kernel;
  readonly scheduler: Scheduler;
  /** Adds CPU work to the clock of the program that runs. */
  readonly charge: (work: ComputeKind, units?: number) => void;
}

/** A node that runs programs: its cores, its mailboxes, and the context its programs are given. */
export class SimNode implements NodeRuntime {
  readonly context: OwnContext;
  readonly background = new Counters();
  readonly machine: Machine;
  readonly hub: MailboxHub;
  readonly cores: Core[];
  readonly #setting: NodeSetting;
  #credits: Root;
  #creditsRunning = false;
  #nextCore = 0;
  #nextBackgroundCore = 0;
  #roots = 0;
  readonly #foregroundCores: number;

  /** `cores`: those of the node's earlier start, where it has started anew. */
  constructor(machine: Machine, setting: NodeSetting, cores?: Core[]) {
    this.machine = machine;
    this.#setting = setting;
    const { costs, scheduler } = setting;
    this.#foregroundCores = Math.max(1, machine.node.cores);
    this.cores =
      cores ??
      Array.from(
        { length: this.#foregroundCores + costs.backgroundCores },
        (_, i) => new Core(scheduler.cores.length + i, machine.id, i >= this.#foregroundCores),
      );
    if (cores === undefined) scheduler.cores.push(...this.cores);
    this.hub = this.#openHub();
    this.context = this.#openContext();
    this.#credits = this.#root();
  }

  start(program: Program<unknown> | ProgramSeries, options: StartOptions = {}): void {
    const { label = 'program', daemon = false, background = false, thread } = options;
    this.#add(program, this.#root(), this.#coreFor(thread, background), {
      label,
      daemon,
      background,
      counters: options.counters ?? (background ? this.background : new Counters()),
    });
  }

  /** Background work, on the queue pairs of the program that spawns it. */
  spawn(parent: Task, program: Program<unknown>, label: string): void {
    const core =
      this.#setting.costs.backgroundCores > 0 ? this.#coreFor(undefined, true) : parent.core;
    const counters = this.background;
    this.#add(program, parent.root, core, { label, daemon: true, background: true, counters });
  }

  /** A peer has started anew: its rings are empty, and what wrote credits to it reaches it no more. */
  reconnect(peer: number): void {
    this.hub.reconnect(peer);
    this.#credits = this.#root();
  }

  /** A word has landed in the mailbox region: take the messages of its ring. */
  poll(address: number): void {
    this.hub.pollAt(address);
    if (this.#creditsRunning || !this.hub.owesCredits()) return;
    this.#creditsRunning = true;
    this.#startCredits(this.#returnCredits());
  }

  #startCredits(program: Program): void {
    const options = { label: 'credits', daemon: true, background: true, counters: this.background };
    this.#add(program, this.#credits, this.#coreFor(undefined, true), options);
  }

  *#returnCredits(): Program {
    // Peers come to be owed while others are told, and whose ring is full sends nothing that would tell.
    while (this.hub.owesCredits()) {
      if (yield* this.hub.returnCredits()) continue;
      // A queue pair has broken: another program has new ones.
      yield* sleep(creditRetryNs);
      this.#credits = this.#root();
      this.#startCredits(this.#returnCredits());
      return;
    }
    this.#creditsRunning = false;
  }

  #add(
    program: Program<unknown> | ProgramSeries,
    root: Root,
    core: Core,
    options: ConstructorParameters<typeof Task>[4],
  ): void {
    const { scheduler } = this.#setting;
    scheduler.add(new Task(scheduler.nextIndex(), program, root, core, options));
  }

  /** Programs without a thread of their own take the cores of their kind in turn. */
  #coreFor(thread: number | undefined, background: boolean): Core {
    const spare = this.#setting.costs.backgroundCores;
    if (thread !== undefined) return this.cores[thread % this.#foregroundCores] as Core;
    if (background && spare > 0) {
      return this.cores[this.#foregroundCores + (this.#nextBackgroundCore++ % spare)] as Core;
    }
    return this.cores[this.#nextCore++ % this.#foregroundCores] as Core;
  }

  #root(): Root {
    return new Root(
      this.#roots++,
      this.machine.id,
      this.machine.computeIncarnation,
      this.#setting.cluster.nodes.length,
    );
  }

  #openHub(): MailboxHub {
    const { cluster, kernel } = this.#setting;
    const { machine } = this;
    const { memory } = machine;
    const mailbox = machine.node.regions.find((region) => region.name === mailboxRegionName);
    if (mailbox !== undefined) {
      machine.mailboxFrom = offsetOf(mailbox.address);
      machine.mailboxTo = machine.mailboxFrom + mailbox.sizeBytes;
    }
    const settled = (address: number): number => {
      const offset = offsetOf(address);
      memory.windows.landWrites(kernel.nowPs);
      memory.windows.settle(offset, 8, kernel.nowPs);
      return offset;
    };
    return new MailboxHub(
      {
        loadLow: (address) => memory.visible.low(settled(address)) >>> 0,
        loadHigh: (address) => memory.visible.high(settled(address)) >>> 0,
        copyOut: (address, into) => memory.readNow(offsetOf(address), into, kernel.nowPs),
      },
      cluster.mailboxPeers(machine.id),
    );
  }

  #openContext(): OwnContext {
    const { seed, durability, costs, scheduler, charge } = this.#setting;
    const { machine, hub } = this;
    const incarnation = machine.computeIncarnation;
    return {
      node: machine.id,
      incarnation,
      fabric: 'sim',
      durability,
      hub,
      verbBoundNs: costs.verbBoundPs / 1000,
      counters: this.background,
      charge,
      nowNs: () => scheduler.localPs / 1000,
      random: streamsOf(seed, machine.id, incarnation),
    };
  }
}
