import { SimCluster } from '../../sim/index.ts';
import type { Keeping } from '../../sim/node-memory.ts';
import type { Durability } from '../../src/core/context.ts';
import { type Effect, effectKind, type Program, Spawn, sleep } from '../../src/core/effect.ts';
import { type Key, keyOf } from '../../src/core/key.ts';
import type { NodeRuntime } from '../../src/fabric/fabric.ts';
import type { ClusterMap } from '../../src/memory/cluster.ts';
import { assembleCluster } from '../../src/systems/assemble.ts';
import type { Audit, Fault, RecoveryReport } from '../../src/systems/recovery.ts';
import type {
  Site,
  StoreClient,
  StoreShape,
  System,
  SystemNode,
  SystemServer,
} from '../../src/systems/system.ts';
import { smallShape } from './in-thread.ts';
import type { KeyOperation } from './key-operations.ts';
import { shippedProfile } from './sim.ts';

export interface BenchOptions {
  readonly seed?: number;
  readonly durability?: Durability;
  readonly shape?: Partial<StoreShape>;
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** Long enough for everything in the background to end. */
const quietNs = 3_000_000;

/** A value that tells which one it is, in every four bytes, and is long enough to be torn. */
export function numbered(number: number): Uint8Array {
  return new Uint8Array(new Uint32Array(2 + ((number * 7) % 75)).fill(number).buffer);
}

/** The number of a value; throws where its bytes are not of one value. */
export function numberOf(bytes: Uint8Array): number {
  const number = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const expected = numbered(number);
  if (bytes.length !== expected.length || bytes.some((byte, i) => byte !== expected[i])) {
    throw new Error(`a torn value: ${bytes.length} B, the first ${number}`);
  }
  return number;
}

/**
 * pDPM-Central in virtual time with what can go wrong around it: its coordinator stops at a chosen
 * verb, another takes over, memory nodes stop and come back. Records one history a key.
 */
export class CentralBench {
  readonly cluster: ClusterMap;
  readonly sim: SimCluster;
  readonly shape: StoreShape;
  readonly servers: SystemServer[] = [];
  readonly nodes: SystemNode[] = [];
  readonly histories = new Map<string, KeyOperation[]>();
  readonly reports: RecoveryReport[] = [];
  /** Operations that ended with an error, and the errors' codes. */
  readonly errors: string[] = [];
  readonly #system: System;
  readonly #config: unknown;
  readonly #alarms = new Map<number, { readonly at: number; readonly ring: () => void }>();
  readonly #verbs = new Map<number, number>();
  #value = 0;

  constructor(system: System, options: BenchOptions = {}) {
    const { seed = 1, durability = 'flush', settings = {}, shape = {} } = options;
    this.#system = system;
    this.shape = {
      ...smallShape,
      memoryNodes: 3,
      replicas: 2,
      spares: 1,
      standbys: 2,
      computeNodes: 2,
      clientsPerNode: 3,
      keysMax: 8,
      keyBytesMax: 16,
      valueBytesMax: 400,
      valueBytesMean: 200,
      ...shape,
    };
    this.#config = system.configure(
      { handlers: 3, callTimeoutUs: 100, giveUpUs: 20_000, ...settings },
      this.shape,
    );
    this.cluster = assembleCluster(system, this.shape, this.#config);
    this.sim = new SimCluster(this.cluster, {
      seed,
      durability,
      profile: shippedProfile('connectx4-100g'),
    });
    this.#serve(
      this.coordinator,
      system.openServer(this.#site(this.coordinator), this.#config, 'coordinator', 0),
    );
    for (const { id } of this.cluster.withRole('compute')) {
      this.nodes.push(system.openNode(this.#site(id), this.#config));
    }
  }

  get coordinator(): number {
    return this.cluster.byName('coordinator').id;
  }

  standby(index = 0): number {
    return this.cluster.byName(`standby${index}`).id;
  }

  compute(index: number): number {
    return this.cluster.byName(`cn${index}`).id;
  }

  /** The server that was opened last. */
  get server(): SystemServer {
    return this.servers.at(-1) as SystemServer;
  }

  #site(id: number): Site {
    return { context: this.sim.runtime(id).context, cluster: this.cluster, shape: this.shape };
  }

  #serve(node: number, server: SystemServer): void {
    this.servers.push(server);
    for (const [thread, program] of server.programs.entries()) {
      this.#start(node, program, { daemon: true, thread, label: `server ${thread}` });
    }
  }

  #start(
    node: number,
    program: Program<unknown>,
    options: Parameters<NodeRuntime['start']>[1],
  ): void {
    this.sim.runtime(node).start(this.#counted(node, program), options);
  }

  /** Counts the verbs of a node's programs, for `atVerb`. */
  *#counted(node: number, program: Program<unknown>): Program<unknown> {
    for (let step = program.next(); step.done !== true; ) {
      const effect = step.value;
      try {
        if (effect.kind === effectKind.spawn) {
          yield new Spawn(this.#counted(node, effect.program) as Program, effect.label);
        } else {
          this.#count(node, effect);
          yield effect;
        }
      } catch (error) {
        step = program.throw(error);
        continue;
      }
      step = program.next();
    }
    return undefined;
  }

  #count(node: number, effect: Effect): void {
    let verbs = this.verbsOf(node);
    if (effect.kind === effectKind.verb || effect.kind === effectKind.local) verbs++;
    else if (effect.kind === effectKind.batch || effect.kind === effectKind.post) {
      verbs += effect.verbs.length;
    } else return;
    this.#verbs.set(node, verbs);
    const alarm = this.#alarms.get(node);
    if (alarm === undefined || alarm.at > verbs) return;
    this.#alarms.delete(node);
    this.sim.at(this.sim.nowNs, alarm.ring);
  }

  /** Verbs and local accesses of a node's programs so far. */
  verbsOf(node: number): number {
    return this.#verbs.get(node) ?? 0;
  }

  /** Calls `ring` right after the node has posted its n-th verb, or made its n-th local access. */
  atVerb(node: number, at: number, ring: () => void): void {
    this.#alarms.set(node, { at, ring });
  }

  /** The lost server's fault, as it would be told now. */
  lost(node: number): Extract<Fault, { kind: 'serverLost' }> {
    return { kind: 'serverLost', node, incarnation: this.sim.incarnation(node) };
  }

  takeOver(node: number, fault: Fault): SystemServer {
    const site = this.#site(node);
    const server = this.#system.takeOver?.(site, this.#config, 'coordinator', 0, fault);
    this.#serve(node, server as SystemServer);
    return server as SystemServer;
  }

  /** Crashes the coordinator and starts it again after a while. */
  restartCoordinator(afterNs = 20_000, keeping: Keeping = 'random'): void {
    const node = this.coordinator;
    const fault = this.lost(node);
    this.sim.crashCompute(node, { keeping });
    this.#later(afterNs, () => {
      this.sim.restartCompute(node);
      this.takeOver(node, fault);
    });
  }

  /** Does it then; the run does not end before. */
  #later(afterNs: number, action: () => void): void {
    const release = this.sim.hold();
    this.sim.at(this.sim.nowNs + afterNs, () => {
      action();
      release();
    });
  }

  later(afterNs: number, action: () => void): void {
    this.#later(afterNs, action);
  }

  /** Tells whoever lives on a node of a fault. */
  tell(server: SystemServer | SystemNode, node: number, fault: Fault): void {
    const { reports } = this;
    const program = server.recover?.(fault) as Program<RecoveryReport>;
    this.#start(
      node,
      (function* (): Program {
        reports.push(yield* program);
      })(),
      { label: `recover ${fault.kind}` },
    );
  }

  /** A client that runs `script`, with its operations in the histories. */
  client(node: number, script: (store: RecordedClient) => Program<unknown>): void {
    const store = (this.nodes[node] as SystemNode).openClient();
    const recorded = new RecordedClient(this, store);
    this.#start(this.compute(node), script(recorded), { label: 'client' });
  }

  nextValue(): number {
    return ++this.#value;
  }

  historyOf(key: Key): KeyOperation[] {
    let history = this.histories.get(key.text);
    if (history === undefined) this.histories.set(key.text, (history = []));
    return history;
  }

  run(): void {
    this.sim.run();
  }

  /** Lets what is under way end, then READs every key through a client. */
  settle(keys: readonly Key[], node = 0): void {
    this.client(node, function* (store) {
      yield* sleep(quietNs);
      for (const key of keys) yield* store.get(key);
      yield* sleep(quietNs);
    });
    this.run();
  }

  audit(): Audit {
    const image = {
      read: (address: number, into: Uint8Array) => this.sim.inspect(address, into),
      isUp: (node: number) => this.sim.isUp(node),
    };
    const site = this.#site(this.compute(0));
    return this.#system.audit?.(site, this.#config, image, this.nodes, this.servers) as Audit;
  }
}

/** A store client whose operations are written down. An error leaves one open: it may take effect. */
export class RecordedClient {
  readonly #bench: CentralBench;
  readonly #store: StoreClient;
  readonly #into = new Uint8Array(4096);

  constructor(bench: CentralBench, store: StoreClient) {
    this.#bench = bench;
    this.#store = store;
  }

  put(key: Key): Program<boolean | undefined> {
    return this.#change('put', key, this.#bench.nextValue());
  }

  insert(key: Key): Program<boolean | undefined> {
    return this.#change('insert', key, this.#bench.nextValue());
  }

  delete(key: Key): Program<boolean | undefined> {
    return this.#change('delete', key, undefined);
  }

  *#change(
    operation: 'put' | 'insert' | 'delete',
    key: Key,
    value: number | undefined,
  ): Program<boolean | undefined> {
    const { sim } = this.#bench;
    const history = this.#bench.historyOf(key);
    const begun = { operation, invokedNs: sim.nowNs, returnedNs: Number.POSITIVE_INFINITY, value };
    const at = history.push(begun) - 1;
    try {
      const result =
        operation === 'delete'
          ? yield* this.#store.delete(key)
          : yield* this.#store[operation](key, numbered(value as number));
      history[at] = { ...begun, returnedNs: sim.nowNs, result };
      return result;
    } catch (error) {
      this.#bench.errors.push(`${operation} ${(error as { code?: string }).code}`);
      if ((error as { code?: string }).code === undefined) throw error;
      return undefined;
    }
  }

  *get(key: Key): Program<number | undefined> {
    const { sim } = this.#bench;
    const invokedNs = sim.nowNs;
    try {
      const length = yield* this.#store.get(key, this.#into);
      const value = length === undefined ? undefined : numberOf(this.#into.slice(0, length));
      const returnedNs = sim.nowNs;
      this.#bench.historyOf(key).push({ operation: 'get', invokedNs, returnedNs, value });
      return value;
    } catch (error) {
      if ((error as { code?: string }).code === undefined) throw error;
      this.#bench.errors.push(`get ${(error as { code?: string }).code}`);
      return undefined;
    }
  }
}

export const benchKeys = ['x', 'yy'].map((text) => keyOf(text));
