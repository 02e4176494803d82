import { local, type Program, sleep, write } from '../../core/effect.ts';
import { ringBytes } from '../../core/mailbox.ts';
import { type RandomStream, randomStream } from '../../core/random.ts';
import type { JobSite } from '../../fabric/job.ts';
import type { Fault } from '../../systems/recovery.ts';
import { OutageBook } from '../driver/outages.ts';
import { momentOf } from '../faults/moment.ts';
import type { PlannedFault } from '../faults/plan.ts';
import type { FaultBoard, Note, TakeOver } from './fault-board.ts';
import { type FaultPart, isLasting, type Recovered } from './fault-book.ts';
import { NodeWatch } from './node-watch.ts';
import { type Recoverer, tell } from './recovering.ts';

/** How often a node looks whether the watchman has written something. */
const lookNs = 200_000;
const keepNs = 1_000_000;

export interface NodeFaultsOptions {
  readonly site: JobSite;
  readonly seed: number;
  readonly plan: readonly PlannedFault[];
  readonly board: FaultBoard;
  /** Notes that were written before this start of the node. */
  readonly notesBefore: number;
  /** Shows the watchman which faults of the plan are due, a bit each. */
  readonly slot: number;
  /** Shows him that this node, a standby, has taken a server's place. */
  readonly tookOverSlot: number;
  /** A peer that starts anew has new memory: only the own rings have to be emptied. */
  readonly isOverVerbs: boolean;
}

/**
 * A node's side of a fault plan where time is real: counts the verbs that faults wait for, and does what
 * the watchman's notes say. The watchman itself is `RealFaults`, in the thread that started the run.
 */
export class NodeFaults {
  readonly watch: NodeWatch;
  readonly outages: OutageBook;
  readonly #options: NodeFaultsOptions;
  readonly #recovered: Recovered[] = [];
  readonly #dice: RandomStream;
  #read: number;
  #due = 0;
  #who: () => Recoverer | undefined = () => undefined;
  #takeOver: (note: TakeOver) => void = () => {};

  constructor(options: NodeFaultsOptions) {
    const { site, board, seed } = options;
    const { node, nowNs, incarnation } = site.runtime.context;
    this.#options = options;
    this.#read = options.notesBefore;
    this.#dice = randomStream(seed, `crashes of start ${incarnation}`);
    this.watch = new NodeWatch(site.runtime);
    this.watch.links = {
      isCut: (to) => board.isCut(node, to),
      losesCompletions: (to) => board.losesCompletions(node, to),
      delayNs: (to) => board.delayNs(node, to),
    };
    this.outages = new OutageBook(nowNs);
  }

  /** Looks at the board from now on. `who` is told of faults; `takeOver`: this node is a standby. */
  listen(who: () => Recoverer | undefined, takeOver: (note: TakeOver) => void = () => {}): void {
    this.#who = who;
    this.#takeOver = takeOver;
    const { site, board, notesBefore } = this.#options;
    for (let i = 0; i < notesBefore; i++) this.#catchUp(board.read(i));
    site.runtime.start(this.#listening(), { daemon: true, background: true, label: 'faults' });
  }

  /** The clients begin: verbs count from here. */
  begin(): void {
    const { site, plan, seed } = this.#options;
    const { name } = site.cluster.node(site.runtime.context.node);
    this.watch.verbs = 0;
    for (const [index, { action, moment }] of plan.entries()) {
      const own = 'node' in action ? action.node : undefined;
      if (moment.kind !== 'verb' || (moment.of ?? own) !== name) continue;
      this.watch.atVerb(momentOf(moment, seed, index), () => {
        this.#due |= 1 << index;
        site.progress(this.#options.slot, this.#due >>> 0);
        if (action.kind !== 'crash' || action.node !== name) return;
        this.watch.halt({ landing: action.landing, dice: this.#dice });
      });
    }
  }

  /** The node stays as long as it has programs, or faults have happened of which it must still hear. */
  keep(): void {
    this.#options.site.runtime.start(this.#keeping(), { label: 'fault plan' });
  }

  part(): FaultPart {
    const { programsEnded } = this.watch;
    return {
      recovered: this.#recovered,
      outages: this.outages.outages,
      served: this.outages.served,
      programsEnded,
    };
  }

  *#keeping(): Program {
    const { board, site } = this.#options;
    const isBusy = (): boolean =>
      this.watch.active > 0 || board.pending > 0 || this.#read < board.count;
    while (isBusy() && !site.stopRequested()) yield* sleep(keepNs);
  }

  *#listening(): Program {
    const { board } = this.#options;
    for (;;) {
      yield* sleep(lookNs);
      while (this.#read < board.count) yield* this.#hear(board.read(this.#read++));
    }
  }

  *#hear(note: Note): Program {
    const { board, site } = this.#options;
    const { context } = site.runtime;
    switch (note.kind) {
      case 'told': {
        const { fault, index } = note;
        if ('incarnation' in fault && fault.incarnation === context.incarnation) break;
        const who = this.#who();
        if (who === undefined) break;
        this.#giveCallsUp(fault);
        tell(this.watch, who, fault, index, (recovered) => {
          this.#recovered.push(recovered);
          this.#giveCallsUp(fault);
        });
        break;
      }
      case 'takeOver':
        if ('successor' in note.fault && note.fault.successor === context.node) {
          this.#takeOver(note);
          site.progress(this.#options.tookOverSlot, 1);
          // What was told while this node was no server, and the lost one did not live.
          for (let i = 0; i < this.#read - 1; i++) {
            this.#catchUpLasting(board.read(i), true);
          }
        }
        break;
      case 'slow':
        if (note.node === context.node) this.watch.slowNs += note.byNs;
        break;
      case 'reconnect':
        yield* this.#reconnect(note.node);
        board.acknowledge();
        break;
      case 'disconnect':
        context.hub.disconnect(note.node);
        break;
      case 'callsLost':
        this.watch.callsLostBeforeNs = note.beforeNs;
        break;
    }
  }

  /**
   * A server lives on elsewhere. The watchman knows when its successor began, but not when this node heard
   * of it: until then, and until its programs have taken note, they call the one who is lost.
   */
  #giveCallsUp(fault: Fault): void {
    if (fault.kind !== 'serverLost' || (fault.successor ?? fault.node) === fault.node) return;
    const { watch } = this;
    watch.callsLostBeforeNs = Math.max(watch.callsLostBeforeNs, watch.context.nowNs());
  }

  /**
   * Empties the rings of this node and a peer that starts anew: the peer has no thread now, and no
   * program of this node runs before this one gives way, which these few verbs do not make it do.
   */
  *#reconnect(peerNode: number): Program {
    const { cluster, runtime } = this.#options.site;
    const peers = cluster.mailboxPeers(runtime.context.node);
    const peer = peers.find(({ node }) => node === peerNode);
    if (peer === undefined) return;
    const empty = new Uint8Array(ringBytes(peer.shape));
    runtime.context.hub.reconnect(peerNode);
    yield* local.write(peer.inbound, empty);
    if (!this.#options.isOverVerbs) yield* write(peer.outbound, empty);
  }

  /** What a node that starts later cannot find out by itself. */
  #catchUp(note: Note): void {
    const { context } = this.#options.site.runtime;
    if (note.kind === 'slow' && note.node === context.node) this.watch.slowNs += note.byNs;
    this.#catchUpLasting(note, false);
  }

  #catchUpLasting(note: Note, asServer: boolean): void {
    if (note.kind !== 'told' || !isLasting(note.fault, asServer)) return;
    const who = this.#who();
    if (who !== undefined) tell(this.watch, who, note.fault, note.index, () => {});
  }
}
