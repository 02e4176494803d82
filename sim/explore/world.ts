import { nodeOf } from '../../src/core/address.ts';
import type { Durability } from '../../src/core/context.ts';
import { effectKind, type Program, type Verb, verbOp, verbStatus } from '../../src/core/effect.ts';
import { assert } from '../../src/core/errors.ts';
import type { ClusterMap } from '../../src/memory/cluster.ts';
import { actFirstPart, actWhole, answerOf, wouldSwap } from './act.ts';
import { lookAgain, looksMax } from './again.ts';
import { choiceKind, kindOf, optionOf, serialOf, type TaskNames, taskOf } from './choice.ts';
import { type ChoiceRules, isIdle, listChoices } from './choices.ts';
import { Digest, hashText } from './digest.ts';
import { noEvents } from './events.ts';
import { dropOverdue, emptyRings, type FaultMenuEntry, performFault } from './faults.ts';
import { Flight, flightState, freeSlot, Pair } from './flight.ts';
import { Footprint, senderAt } from './footprint.ts';
import type { WorldMemory } from './memory.ts';
import { sendSurely, takeMessage } from './messages.ts';
import { type NodeHost, WorldNode } from './node.ts';
import type { WorldObserver } from './observer.ts';
import type { WorldOptions } from './options.ts';
import { resume, takeFence, takeTurns } from './resume.ts';
import type { Sharing } from './sharing.ts';
import { inherit, restAt } from './standing.ts';
import { type KeyParts, keyOf } from './state-key.ts';
import { noteAccess, noteChanges, swallow } from './step.ts';
import { Task } from './task.ts';

function ignoreFault(): void {}

/**
 * A cluster in which everything that may happen next is a choice; see docs/verification.md, "The world".
 * It costs nothing and knows no time but timers.
 */
export class World implements NodeHost {
  readonly cluster: ClusterMap;
  readonly memory: WorldMemory;
  readonly names: TaskNames;
  readonly durability: Durability;
  readonly seed: number;
  readonly timing: 'asynchronous' | 'bounded';
  readonly verbBoundNs: number;
  readonly rules: ChoiceRules;
  readonly observer: WorldObserver | undefined;
  readonly nodes: (WorldNode | undefined)[] = [];
  readonly tasks: Task[] = [];
  readonly pairs: Pair[] = [];
  readonly menu: FaultMenuEntry[] = [];
  readonly events = noEvents();
  /** What was seen from outside: beginnings, and what had ended before. */
  readonly history = new Digest();
  readonly faults = new Digest();
  /** Per memory node: incarnation of its regions, whether it answers, whom it refuses. */
  readonly incarnations: number[];
  readonly down: boolean[];
  readonly fenced: Set<number>[];
  footprint = new Footprint();
  steps = 0;
  nowNs = 0;
  clockRead = false;
  /** Programs that are not daemons and have not ended. */
  foreground = 0;
  /** A program that threw: the run is over. */
  failure: { readonly task: Task; readonly error: unknown } | undefined = undefined;
  /** What an exhaustive search has learnt of who touches what; told of every access while it is there. */
  sharing: Sharing | undefined = undefined;
  /** Timers that may still fire while something else could happen. */
  earlyTimersLeft: number;
  /** How often those that poll or spin may still be asked to look again. */
  looksLeft = looksMax;
  /** A timer could fire now, and is not among the choices because none may be early any more. */
  holdsTimers = false;
  /** Whether digests say where programs stand: for searches, which have keys of states. */
  tracks = false;
  /** A run of a search is repeated up to a state that it has been in: it must come to the very same one. */
  retraces = false;
  /** A timer that is known to fire for nothing does not: false to see whether that is so. */
  skipsIdle = true;
  onFault: (entry: FaultMenuEntry, node: number) => void = ignoreFault;
  #nextIncarnation: number;
  readonly #changedAt = new Map<number, number>();
  /** Programs that spun, and need not any more because of this step. */
  readonly #freed: Task[] = [];

  constructor(options: WorldOptions) {
    const { memory } = options;
    this.cluster = memory.cluster;
    this.memory = memory;
    this.names = options.names;
    this.durability = options.durability;
    this.seed = options.seed;
    this.timing = options.timing;
    this.verbBoundNs = options.verbBoundNs;
    this.rules = options.rules;
    this.earlyTimersLeft = options.rules.earlyTimersMax;
    this.observer = options.observer;
    const count = this.cluster.nodes.length;
    this.#nextIncarnation = count;
    this.incarnations = this.cluster.nodes.map((node) => node.id);
    this.down = new Array<boolean>(count).fill(false);
    this.fenced = this.cluster.nodes.map(() => new Set<number>());
    const onChange = (node: number, word: number): void => this.#unblock(node, word);
    memory.onChange = onChange;
  }

  newIncarnation(): number {
    return this.#nextIncarnation++;
  }

  /** Opens a node that runs programs; one that did so before starts anew, as another incarnation. */
  openNode(id: number): WorldNode {
    const again = this.nodes[id] !== undefined;
    const before = this.incarnations[id] as number;
    const node = new WorldNode(id, again ? this.newIncarnation() : id, this);
    if (again) this.incarnations[id] = node.incarnation;
    this.down[id] = false;
    this.nodes[id] = node;
    if (again) emptyRings(this, id, before);
    return node;
  }

  node(id: number): WorldNode {
    const node = this.nodes[id];
    assert(node !== undefined, () => `node ${id} runs no programs`);
    return node;
  }

  /** A root program, with queue pairs of its own. It begins when it is chosen to. */
  start(id: number, label: string, program: Program<unknown>, daemon = false): Task {
    // Whoever is alone on the node is so no longer.
    this.footprint.resumed |= 1 << id;
    return this.add(this.node(id), `${this.cluster.node(id).name}/${label}`, program, daemon);
  }

  add(
    node: WorldNode,
    name: string,
    program: Program<unknown>,
    daemon: boolean,
    parent?: Task,
  ): Task {
    this.footprint.changed |= 1 << node.id;
    const number = this.names.numberOf(name);
    const task = new Task(number, name, node, program, daemon, parent);
    if (this.tracks && parent !== undefined) inherit(task, parent);
    this.tasks.push(task);
    node.tasks.push(task);
    if (!daemon) this.foreground++;
    return task;
  }

  end(task: Task): void {
    if (task.ended) return;
    task.ended = true;
    this.footprint.changed |= 1 << task.node.id;
    if (!task.daemon) this.foreground--;
    // The last one ends the run: what could have happened before it cannot happen after.
    if (this.foreground === 0) this.footprint.global = true;
    this.tasks.splice(this.tasks.indexOf(task), 1);
    task.node.tasks.splice(task.node.tasks.indexOf(task), 1);
  }

  /** Everything that may happen next, in an order that the schedule so far decides. */
  choices(): number[] {
    return this.failure === undefined ? listChoices(this) : [];
  }

  take(choice: number): void {
    this.steps++;
    this.footprint = new Footprint();
    switch (kindOf(choice)) {
      case choiceKind.act:
        this.#act(this.flightOf(choice), optionOf(choice));
        break;
      case choiceKind.go:
        resume(this, this.taskOf(choice));
        break;
      case choiceKind.wake:
        this.#wake(this.taskOf(choice));
        break;
      case choiceKind.fault:
        performFault(this, serialOf(choice), optionOf(choice));
        break;
      case choiceKind.again:
        lookAgain(this);
        return;
    }
    if (this.rules.grain === 'turns') takeTurns(this);
    if (this.tracks) noteChanges(this);
  }

  /** From here on digests say where programs stand; or they would, were they looked at. */
  track(tracks: boolean): void {
    this.tracks = tracks;
    for (const task of this.tasks) if (task.effect !== undefined) restAt(task, task.effect);
  }

  /** The hash of the whole state, into two numbers. */
  key(parts?: KeyParts): Digest {
    return keyOf(this, parts);
  }

  /** Whose program it is that goes on. */
  taskOf(choice: number): Task {
    const number = taskOf(choice);
    const task = this.tasks.find((candidate) => candidate.number === number);
    assert(task !== undefined, () => `${this.names.nameOf(number)} does not run`);
    return task;
  }

  flightOf(choice: number): Flight {
    const number = taskOf(choice);
    const serial = serialOf(choice);
    for (const pair of this.pairs) {
      for (const flight of pair.flights) {
        if (flight.task.number === number && flight.slot === serial) return flight;
      }
    }
    throw new Error(`verb ${serial} of ${this.names.nameOf(number)} is not in flight`);
  }

  post(task: Task, verbs: readonly Verb<unknown>[]): void {
    this.footprint.posted = true;
    let isRefused = false;
    let slot = this.rules.everyOption ? freeSlot(this.pairs, task) : task.serial;
    for (const verb of verbs) {
      const serial = task.serial++;
      this.memory.check(verb.address, verb.lengthBytes);
      const pair = this.#pairOf(task, nodeOf(verb.address));
      verb.status = verbStatus.posted;
      const deadlineNs = this.nowNs + this.verbBoundNs;
      const flight = new Flight(verb, task, serial, pair, deadlineNs, this.steps, slot++);
      this.observer?.posted(flight);
      const refusal = this.#refusal(pair);
      if (refusal !== undefined) {
        this.finish(flight, refusal);
        isRefused = true;
        continue;
      }
      pair.flights.push(flight);
      if (this.memory.isMailbox(flight.node, flight.from)) {
        this.footprint.sent |= 1 << task.node.id;
      }
      // The body of a message: nobody looks at it before its sequence word.
      if (flight.to > flight.from && this.memory.isMailbox(flight.node, flight.from)) {
        actWhole(this.memory, flight);
        flight.state = flightState.acted;
      }
    }
    if (isRefused) sendSurely(this, task, verbs);
  }

  #pairOf(task: Task, node: number): Pair {
    let pair = task.pairs.get(node);
    if (pair === undefined) {
      const target = this.incarnations[node] as number;
      const before = this.pairs.filter(
        (old) => old.node === node && old.owner % 4096 === task.root,
      );
      const owner = task.root + 4096 * before.length;
      pair = new Pair(task.number, owner, node, task.node.incarnation, target);
      task.pairs.set(node, pair);
      this.pairs.push(pair);
    }
    return pair;
  }

  #refusal(pair: Pair): 3 | 4 | undefined {
    const { node } = pair;
    if (pair.broken || this.fenced[node]?.has(pair.incarnation)) return verbStatus.failed;
    if (pair.targetIncarnation !== this.incarnations[node]) return verbStatus.failed;
    if (this.down[node] !== true) return undefined;
    pair.broken = true;
    return verbStatus.unknown;
  }

  #act(flight: Flight, option: number): void {
    const { verb, node, from, to, task } = flight;
    const { footprint } = this;
    footprint.concerns(task.root);
    footprint.actedFor = senderAt(node, flight.pair.incarnation);
    this.sharing?.touch(flight.pair.owner, node, from, to, verb.op !== verbOp.read);
    if (flight.state === flightState.posted) flight.actedAtStep = this.steps;
    this.observer?.acting(flight);
    const swallows = flight.isAtomic && option === 1 && wouldSwap(this.memory, flight);
    if (swallows) swallow(this, flight);
    const before = this.memory.changes;
    if (!flight.isAtomic && option !== 0) {
      flight.part = option;
      actFirstPart(this.memory, flight);
      noteAccess(this, flight, before);
      flight.state = flightState.partly;
      this.events.tornVerbs++;
      if (flight.isOrphan) this.events.landedInPart++;
      this.observer?.acted(flight);
      return;
    }
    const isPure = actWhole(this.memory, flight);
    noteAccess(this, flight, before);
    if (verb.op === verbOp.cas && isPure) this.events.casLost++;
    flight.state = flightState.acted;
    if (flight.isOrphan) this.events.landedAfterCrash++;
    this.observer?.acted(flight);
    this.deliver(flight.pair);
    if (flight.isWrite && this.memory.isMailbox(node, from)) {
      for (const other of [...(takeMessage(this, flight)?.tasks ?? [])]) this.#goOn(other);
    }
    task.spin.acted(flight, answerOf(flight), isPure);
    this.#goOn(task);
    for (const freed of this.#freed.splice(0)) this.#goOn(freed);
  }

  /** Completions come in post order. */
  deliver(pair: Pair): void {
    while (pair.flights[0]?.state === flightState.acted) {
      this.finish(pair.flights.shift() as Flight, verbStatus.ok);
    }
  }

  /** The outcome of a verb, told to its program when that goes on. */
  finish(flight: Flight, status: 2 | 3 | 4): void {
    flight.verb.status = status;
    if (status === verbStatus.unknown) flight.verb.start = flight.pair.targetIncarnation;
    flight.answer = answerOf(flight);
    if (this.tracks && !flight.isForgotten) {
      flight.task.learned.add(flight.slot, status, flight.answer);
    }
    this.observer?.completed(flight);
  }

  /** A program that is alone on its node goes on at once: nobody could tell it from later. */
  #goOn(task: Task): void {
    if (task.ended || !task.isReady || task.mayWaitOn) return;
    if (!task.isAlone && this.rules.grain !== 'turns') return;
    resume(this, task);
  }

  #wake(task: Task): void {
    const { dueNs } = task;
    takeFence(this, task);
    if (dueNs > this.nowNs && dueNs < Number.POSITIVE_INFINITY && !this.rules.clockStands) {
      this.footprint.clock = this.clockRead;
      this.nowNs = dueNs;
      dropOverdue(this);
    }
    const isCounted = this.earlyTimersLeft < Number.POSITIVE_INFINITY;
    const isEarly = isCounted && task.effect?.kind !== effectKind.fence && !isIdle(this);
    task.timedOut = true;
    resume(this, task);
    // One that found nothing to do is as if it had not fired.
    if (isEarly && !task.blocked && task.idleRounds === 0) this.earlyTimersLeft--;
  }

  readClock(node: WorldNode): number {
    this.clockRead = true;
    this.footprint.clock = !this.rules.clockStands;
    if (this.tracks && this.nowNs !== 0) {
      node.order.chain(this.nowNs, 7);
      node.current?.state.chain(this.nowNs, 7);
      node.touched();
    }
    return this.nowNs;
  }

  /** Whether words that a verb looked at have changed since it did. */
  hasChangedSince({ node, from, to, actedAtStep }: Flight): boolean {
    for (let word = from; word <= to; word++) {
      if ((this.#changedAt.get(node * 2 ** 32 + word) ?? -1) > actedAtStep) return true;
    }
    return false;
  }

  #unblock(node: number, word: number): void {
    this.#changedAt.set(node * 2 ** 32 + word, this.steps);
    for (const task of this.tasks) {
      if (!task.blocked) continue;
      for (const flight of task.spin.watched) {
        if (flight.node !== node || word < flight.from || word > flight.to) continue;
        task.blocked = false;
        this.#freed.push(task);
        break;
      }
    }
  }

  /** For people: what the program that runs now is about. */
  note(node: number, what: string): void {
    const task = this.nodes[node]?.current;
    if (task !== undefined) this.observer?.stepped(task, what);
  }

  /** Whoever runs operations tells of their beginnings and ends, and how to tell them apart. */
  began(which: string, before: number): void {
    this.footprint.began = true;
    this.history.add(hashText(which), before, 1);
  }

  ended(which: string, answer: string): void {
    this.footprint.ended = true;
    this.history.add(hashText(which), hashText(answer), 2);
  }
}
