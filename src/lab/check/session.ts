import {
  boundaryNs,
  type ChoiceRules,
  choiceKind,
  type FaultKind,
  type FaultMenuEntry,
  kindOf,
  letTimePass,
  longestAsleep,
  usualChoice,
  World,
  type WorldObserver,
} from '../../../sim/explore/index.ts';
import { absent, type HistoryRecorder, type Outcome } from '../../check/history.ts';
import type { Parts } from '../../core/context.ts';
import { atRest, type Program, sleep, VerbError } from '../../core/effect.ts';
import { FarsideError } from '../../core/errors.ts';
import type { Key } from '../../core/key.ts';
import type { Fault } from '../../systems/recovery.ts';
import type { Site, StoreClient, SystemNode, SystemServer } from '../../systems/system.ts';
import { tellOfFault, victimsOf } from './failures.ts';
import { type ClientOperation, pauseNs, verbBoundNs } from './scenario.ts';
import type { Stage } from './stage.ts';
import { decodeValue, encodeValue, foundText, loadedValue, writtenValue } from './values.ts';

/** Something that must never be, seen before any history was checked. */
export interface Defect {
  readonly promise: string;
  readonly explanation: string;
  /** The step after which it was seen. */
  readonly step: number;
}

const quietStepsMax = 20_000;
/** Pauses until every client has given up: Central's do so after a second. */
const patienceMax = 128;
/** A batch waits for one timer, its answer for another. */
const settleRounds = 8;

/**
 * One run of a scenario, up to wherever its schedule has been taken.
 *
 * Thousands a second come and go, so each must die young. V8 (Node 20) puts a function that is written where
 * it is assigned to a property, `a.b = () => c`, into the old generation, and with it all that it captures
 * stays until a full collection: the scavenges before copied whole worlds, a third of all time. A function
 * that is a constant first is an object like any other.
 */
export class Session {
  readonly stage: Stage;
  readonly world: World;
  readonly recorder: HistoryRecorder;
  readonly systemNodes: (SystemNode | undefined)[] = [];
  readonly servers: (SystemServer | undefined)[] = [];
  readonly defects: Defect[] = [];
  /** Steps before which operations began and after which they ended, by row; for diagrams. */
  readonly endedAtStep: number[] = [];
  /** What a server that begins later has to be told. */
  readonly lasting: Fault[] = [];
  /** When the last recovery had ended: what gets found before is no evidence of what lasts. */
  restFromStep = Number.NEGATIVE_INFINITY;
  /** Faults that no survivor could be told to repair. */
  unrepaired = 0;
  #endedOperations = 0;
  #patience = patienceMax;
  readonly #labels = new Map<string, number>();
  readonly #nodeOf = new Map<StoreClient, number>();

  constructor(stage: Stage, rules: ChoiceRules, observer?: WorldObserver) {
    const { scenario, memory, names } = stage;
    this.stage = stage;
    memory.reset();
    this.recorder = stage.recorder;
    this.recorder.clear();
    this.world = new World({
      memory,
      names,
      durability: scenario.durability,
      seed: scenario.seed,
      timing: scenario.timing,
      verbBoundNs,
      rules,
      observer,
    });
    this.#openServers();
    this.#openNodes();
    this.#load();
    // A search of all schedules begins with nodes at rest: what loading left to do is not its scope.
    if (scenario.grain !== 'effects') this.#comeToRest();
    this.world.earlyTimersLeft = rules.earlyTimersMax;
    this.#offerFaults();
    const onFault = (entry: FaultMenuEntry): void => tellOfFault(this, entry);
    this.world.onFault = onFault;
    observer?.opened(this.world);
    for (const [i, operations] of scenario.clients.entries()) this.#startClient(i, operations);
  }

  /** Nothing: the run is over, or stuck. */
  choices(): number[] {
    if (this.isOver) return [];
    for (;;) {
      const choices = this.world.choices();
      if (choices.length > 0 || this.#patience === 0 || !this.world.clockRead) return choices;
      // Nobody can go on but by giving up: those that look at the clock see that it is late.
      this.#patience--;
      letTimePass(this.world, pauseNs);
    }
  }

  get isOver(): boolean {
    return this.world.foreground === 0 || this.world.failure !== undefined;
  }

  siteOf(id: number): Site {
    const { cluster, shape } = this.stage;
    return { context: this.world.node(id).context, cluster, shape };
  }

  /**
   * Runs everything that does not wait for a timer, until nothing is left; then timers, until `until`. Of
   * those, whoever sleeps longest comes first: a get that looks again and again for a memory node would
   * else keep the program asleep for ever that waits to find the node there.
   */
  runQuietly(until: () => boolean): boolean {
    for (let steps = 0; steps < quietStepsMax; steps++) {
      if (this.world.failure !== undefined) return false;
      const usual = usualChoice(this.world);
      if (usual !== undefined) {
        this.world.take(usual);
        continue;
      }
      if (until()) return true;
      const choices = this.world.choices();
      const wakes = choices.filter((choice) => kindOf(choice) === choiceKind.wake);
      const again = choices.find((choice) => kindOf(choice) === choiceKind.again);
      const next = longestAsleep(this.world, wakes) ?? again;
      if (next === undefined) return false;
      this.world.take(next);
    }
    return false;
  }

  /**
   * Lets background programs end what they are about: `Audit` speaks of a store at rest, and a request
   * for buffers whose answer is under way is not. Every timer fires a few times, with all that follows.
   */
  settle(): void {
    for (let round = 0; round < settleRounds; round++) {
      if (!this.runQuietly(() => true)) return;
      const wakes = this.world.choices().filter((choice) => kindOf(choice) === choiceKind.wake);
      if (wakes.length === 0) return;
      for (const wake of wakes) {
        // An earlier one's end may have ended this one's wait.
        if (this.world.choices().includes(wake)) this.world.take(wake);
      }
    }
    this.runQuietly(() => true);
  }

  /** As `settle`, until timers find nothing to do. */
  #comeToRest(): void {
    for (let round = 0; round < settleRounds; round++) {
      const wakes = this.world.choices().filter((choice) => kindOf(choice) === choiceKind.wake);
      let isIdle = true;
      for (const wake of wakes) {
        if (!this.world.choices().includes(wake)) continue;
        this.world.take(wake);
        isIdle &&= usualChoice(this.world) === undefined;
        this.runQuietly(() => true);
      }
      if (isIdle) return;
    }
  }

  /** Compute nodes that live, by their ids. */
  get survivors(): number[] {
    return this.stage.cluster
      .withRole('compute')
      .filter(({ id }) => this.world.node(id).up)
      .map(({ id }) => id);
  }

  /** Whether a client of the scenario runs there. */
  hasClient(id: number): boolean {
    const { cluster, scenario } = this.stage;
    const index = cluster.withRole('compute').findIndex((node) => node.id === id);
    return index >= 0 && index < scenario.clients.length;
  }

  #openServers(): void {
    const { system, config, cluster } = this.stage;
    for (const role of ['coordinator', 'metadata'] as const) {
      for (const [index, { id }] of cluster.withRole(role).entries()) {
        this.world.openNode(id);
        this.startServer(id, system.openServer(this.siteOf(id), config, role, index));
      }
    }
    // Up before they serve: what clients send them is taken, and drops where no port is open yet.
    for (const { id } of cluster.withRole('standby')) this.world.openNode(id);
  }

  startServer(id: number, server: SystemServer): void {
    this.servers[id] = server;
    const describe = (): Parts | undefined => server.remembers?.();
    this.world.node(id).describe = describe;
    const label = this.label(id, 'server');
    for (const [i, program] of server.programs.entries()) {
      this.world.start(id, `${label}-${i}`, program, true);
    }
  }

  /** `what0` on that node, then `what1`: the same in all schedules in which the same happened. */
  label(id: number, what: string): string {
    const count = this.#labels.get(`${id} ${what}`) ?? 0;
    this.#labels.set(`${id} ${what}`, count + 1);
    return `${what}${count}`;
  }

  #openNodes(): void {
    const { system, config, cluster } = this.stage;
    for (const { id } of cluster.withRole('compute')) {
      this.world.openNode(id);
      const opened = system.openNode(this.siteOf(id), config);
      this.systemNodes[id] = opened;
      const describe = (): Parts | undefined => opened.remembers?.();
      this.world.node(id).describe = describe;
      for (const [i, program] of opened.background.entries()) {
        const task = this.world.start(id, `background${i}`, program, true);
        task.looksAt = opened.looksAt?.background?.[i];
      }
    }
  }

  /** Inserts the keys, then puts and gets each on every node, so that caches and free lists are warm. */
  #load(): void {
    const { keys, cluster, scenario } = this.stage;
    for (const [i, { id }] of cluster.withRole('compute').entries()) {
      if (!this.hasClient(id)) continue;
      const client = this.clientOn(id);
      this.world.start(id, 'load', this.#loadOn(client, i, keys));
      if (this.runQuietly(() => this.world.foreground === 0)) continue;
      const error = this.world.failure?.error;
      throw new FarsideError(
        'FARSIDE_INPUT',
        `system ${scenario.system}: loading ${keys.length} keys does not end` +
          (error instanceof Error ? `: ${error.message}` : ''),
        { cause: error },
      );
    }
  }

  *#loadOn(client: StoreClient, node: number, keys: readonly Key[]): Program<void> {
    const { system, scenario } = this.stage;
    const warms = (operation: 'put' | 'get'): boolean => system.operations.includes(operation);
    // What an insert or a put has warmed need not be warmed again: a search loads as often as it goes back.
    const isBrief = scenario.grain !== 'effects';
    for (const i of keys.keys()) {
      const number = loadedValue(node, i);
      if (node === 0) yield* this.operate(client, -1, 'insert', i, number);
      if (isBrief && node === 0) continue;
      if (warms('put')) yield* this.operate(client, -1, 'put', i, number + 128);
      if (warms('get') && !isBrief) yield* this.operate(client, -1, 'get', i, number);
    }
  }

  clientOn(id: number): StoreClient {
    const opened = this.systemNodes[id];
    if (opened === undefined) throw new Error(`node ${id} has no store`);
    const client = opened.openClient();
    this.#nodeOf.set(client, id);
    return client;
  }

  #offerFaults(): void {
    for (const { kind, count, node, amid } of this.stage.scenario.faults) {
      const budget = { left: count };
      const victims = kind === 'pause' ? [-1] : this.#victims(kind, node);
      const durationNs = kind === 'pause' ? pauseNs : 0;
      const isAmidWrites = amid === 'writes';
      for (const victim of victims)
        this.world.menu.push({ kind, node: victim, durationNs, isAmidWrites, budget });
    }
  }

  /**
   * In a search of all schedules, a crash or a cut that names no node is of one with a client: another one
   * has done nothing yet, and is there to repair.
   */
  #victims(kind: Exclude<FaultKind, 'pause'>, node: string | undefined): number[] {
    const { cluster, scenario } = this.stage;
    const victims = victimsOf(cluster, kind, node);
    if (node !== undefined || scenario.grain === 'effects') return victims;
    return victims.filter((id) => cluster.node(id).role !== 'compute' || this.hasClient(id));
  }

  #startClient(index: number, operations: readonly ClientOperation[], first = 0): void {
    const nodes = this.stage.cluster.withRole('compute');
    const id = (nodes[index % nodes.length] as { id: number }).id;
    const label = first === 0 ? `client${index}` : `client${index}from${first}`;
    const program = this.#perform(id, this.clientOn(id), index, operations, first);
    this.world.start(id, label, program).looksAt = this.systemNodes[id]?.looksAt?.clients;
  }

  /**
   * Performs the operations one after another. One whose verb failed may have broken the program's queue
   * pairs, so the rest is for a new program.
   */
  *#perform(
    id: number,
    client: StoreClient,
    index: number,
    operations: readonly ClientOperation[],
    first: number,
  ): Program<void> {
    for (let i = first; i < operations.length; i++) {
      const { operation, key } = operations[i] as ClientOperation;
      yield* atRest(sleep(boundaryNs));
      const { current } = this.world.node(id);
      if (current !== undefined) current.endsLater = i + 1 < operations.length;
      try {
        yield* this.operate(client, index, operation, key, writtenValue(index, i));
      } catch (error) {
        if (!(error instanceof VerbError)) throw error;
        this.#startClient(index, operations, i + 1);
        return;
      }
    }
  }

  /** One operation, recorded; throws where its verbs failed, or where farside is at fault. */
  *operate(
    client: StoreClient,
    process: number,
    operation: ClientOperation['operation'],
    keyIndex: number,
    number: number,
  ): Program<void> {
    const { recorder, world } = this;
    const key = this.stage.keys[keyIndex] as Key;
    const writes = operation === 'put' || operation === 'insert';
    const row = recorder.begin(
      process,
      operation,
      recorder.key(key.text),
      writes ? number : -1,
      world.steps,
    );
    world.began(`${process}/${number}`, this.#endedOperations);
    const what = `${operation} ${key.text}`;
    const word = writes ? ` := ${number}` : '';
    if (world.observer !== undefined) this.#note(client, `${what}${word} begins`);
    const value = new Uint8Array(this.stage.shape.valueBytesMax);
    let result: string = 'unknown';
    try {
      if (operation === 'get') {
        const length = yield* client.get(key, value);
        const found = length === undefined ? absent : decodeValue(value.subarray(0, length));
        recorder.endGet(row, found, world.steps);
        result = foundText(found);
      } else {
        encodeValue(value, number);
        const done = yield* operation === 'delete'
          ? client.delete(key)
          : client[operation](key, value);
        result = done ? 'ok' : 'refused';
        recorder.end(row, done ? 'ok' : 'refused', world.steps);
      }
    } catch (error) {
      result = this.#failed(row, operation, error);
      if (error instanceof VerbError) throw error;
    } finally {
      this.endedAtStep[row] = world.steps;
      if (world.observer !== undefined) this.#note(client, `${what} ${result}`);
      this.#endedOperations += 1 + process * 97 + (number % 256) * 8191;
      world.ended(`${process}/${number}`, result);
    }
  }

  #note(client: StoreClient, what: string): void {
    const node = this.#nodeOf.get(client);
    if (node !== undefined) this.world.note(node, what);
  }

  /** Gives the outcome; throws where farside is at fault. */
  #failed(row: number, operation: string, error: unknown): Outcome {
    const { world } = this;
    if (!(error instanceof FarsideError) || error.code === 'FARSIDE_INTERNAL') throw error;
    const outcome = operation === 'get' ? 'failed' : 'unknown';
    this.recorder.end(row, outcome, world.steps);
    if (error.code === 'FARSIDE_CORRUPT') {
      this.defects.push({
        promise: 'read committed',
        explanation: `a ${operation} found what must never be: ${error.message}`,
        step: world.steps,
      });
    }
    return outcome;
  }
}
