import type { Address } from '../core/address.ts';
import type { Durability, NodeContext, Parts } from '../core/context.ts';
import type { Program, Steps } from '../core/effect.ts';
import type { Key } from '../core/key.ts';
import type { ClusterMap, RegionSpec, Role } from '../memory/cluster.ts';
import type { Audit, Fault, MemoryImage, RecoveryReport } from './recovery.ts';

/**
 * A system is one folder and one object of this type. A user's own (`--system ./mine.js`, exporting
 * `system`) is loaded the same way, by path, inside whatever thread runs it.
 */
export interface System<C = unknown> {
  readonly name: string;
  /** One line for lists and reports. */
  readonly summary: string;
  readonly operations: readonly StoreOperation[];
  /** What the paper says an uncontended operation costs, for reports: docs and tests hold it to it. */
  readonly roundTrips: string;
  /** With default settings; `promisesOf` where settings make a difference. */
  readonly promises: readonly SystemPromise[];
  /** What is promised of that store: `farside check` holds it to that. */
  promisesOf?(config: C, shape: StoreShape): readonly SystemPromise[];
  readonly parameters: readonly SystemParameter[];
  /** What a counter among `statistics.events` counts, in a few words; one without goes by its name. */
  readonly counters?: Readonly<Record<string, string>>;
  /** Checks `raw` (unknown keys and wrong types are FARSIDE_USAGE errors) and fills in defaults. */
  configure(raw: Readonly<Record<string, unknown>>, shape: StoreShape): C;
  /** Regions and servers that this shape needs; FARSIDE_CAPACITY says how much where it cannot fit. */
  layout(shape: StoreShape, config: C): SystemLayout;
  /** Called once on each compute node, before its clients. */
  openNode(site: Site, config: C): SystemNode;
  /** Called once on each server; gives the programs that it runs for ever, one a core. */
  openServer(site: Site, config: C, role: Role, index: number): SystemServer;
  /**
   * Opens a server that takes over from one that is lost, on the node `site` (the same node restarted,
   * or a standby). Its programs first fence the old one, rebuild what it knew from memory nodes and
   * its own `pm`, and then serve.
   */
  takeOver?(site: Site, config: C, role: Role, index: number, fault: Fault): SystemServer;
  /** Looks at a store at rest; `nodes` and `servers` are those that live, for their free lists. */
  audit?(
    site: Site,
    config: C,
    image: MemoryImage,
    nodes: readonly SystemNode[],
    servers: readonly SystemServer[],
  ): Audit;
  /** What lies at an address, for `explain` and reports: `buffer 12 of class 1024 + 8`. */
  locate?(site: Site, config: C, address: Address): string | undefined;
}

export type StoreOperation = 'insert' | 'get' | 'put' | 'delete' | 'scan';

export interface SystemPromise {
  readonly promise: 'read committed' | 'atomic write' | 'data reliability' | 'linearizable';
  readonly durability: Durability;
  readonly holds: 'asynchronous-safe' | 'needs timing bounds' | 'no';
  readonly because: string;
}

/** One setting of a system: `--set clover.cursorsMax=1000`, or under `systems:` in an experiment. */
export interface SystemParameter {
  readonly name: string;
  readonly type: 'integer' | 'number' | 'boolean' | 'string' | 'choice';
  readonly choices?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default: number | boolean | string;
  readonly unit?: string;
  readonly summary: string;
}

/** What every system is told about the store it should be. */
export interface StoreShape {
  readonly memoryNodes: number;
  /** Further memory nodes, right after those: empty until one takes another's place. Absent: none. */
  readonly spares?: number;
  /** Nodes like the servers, after those: they run nothing until one takes over. Absent: none. */
  readonly standbys?: number;
  readonly computeNodes: number;
  /** Client threads of a compute node (one core each), and operations each keeps in flight. */
  readonly clientsPerNode: number;
  readonly outstanding: number;
  /** Copies of each record, 1 to 3, at most `memoryNodes`. */
  readonly replicas: number;
  /** Entries that may exist at once. */
  readonly keysMax: number;
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
  /** The mean over entries; sizes pools where classes share a region. */
  readonly valueBytesMean: number;
  readonly medium: 'dram' | 'pm';
  /**
   * Slots that are claimed at a time, at most; absent: as many as are efficient. Few make a small store,
   * which is scanned in few READs, so that every schedule of a recovery can be tried.
   */
  readonly slotsPerClaim?: number;
  /** Bytes of each memory node's region; undefined: as many as needed. */
  readonly memoryBytes: number | undefined;
}

export interface ServerSpec {
  readonly name: string;
  readonly role: Role;
  readonly cores: number;
  readonly regions: readonly RegionSpec[];
}

export interface SystemLayout {
  /** The same regions on every memory node. */
  readonly memoryRegions: readonly RegionSpec[];
  /** Every compute node exchanges messages with every server, and servers with each other. */
  readonly servers: readonly ServerSpec[];
  /** Largest body of a message, in bytes; 0 where there are no servers. */
  readonly messageBytesMax: number;
  /** Message slots of a ring: at least clientsPerNode x outstanding. */
  readonly messageSlots: number;
}

/** Where a node's programs run: its context, and the map of everything else. */
export interface Site {
  readonly context: NodeContext;
  readonly cluster: ClusterMap;
  readonly shape: StoreShape;
}

/** One compute node: what its clients share (caches, free lists) and what runs in its background. */
export interface SystemNode {
  /** A client serves one operation at a time; a node has one for each program with one in flight. */
  openClient(): StoreClient;
  /** Programs to start with the node (retire, epochs, shortcut updates); they may run for ever. */
  readonly background: readonly Program<unknown>[];
  readonly statistics: SystemStatistics;
  /**
   * Repairs what a fault left behind, with one-sided verbs, while clients run and while other survivors
   * may run the same. When it ends, what the fault broke is whole again.
   */
  recover?(fault: Fault): Program<RecoveryReport>;
  /** Buffers or slots in this node's own free lists and queues; for `audit`. */
  held?(): Iterable<Address>;
  /**
   * For `farside check --scheduler exhaustive`: everything that its programs and clients remember in common,
   * beside memory and mailboxes, as lists of plain values. Where two states of a node are equal, and its
   * programs stand at the same places, it must go on alike; then schedules that differ in how they came
   * there are searched once. Counters for reports are left out. Absent, or undefined where it cannot tell
   * now: all that ever happened on the node counts.
   */
  remembers?(): Parts | undefined;
  /**
   * Of those parts, the ones that clients, and the i-th background program, look at, with the programs that
   * they spawn; undefined: all. Changing one without looking is no look.
   */
  readonly looksAt?: {
    readonly clients?: readonly string[];
    readonly background?: readonly (readonly string[] | undefined)[];
  };
}

export interface SystemServer {
  readonly programs: readonly Program<unknown>[];
  /** Told of a fault of others: a lost compute node's leases, a lost memory node. */
  recover?(fault: Fault): Program<RecoveryReport>;
  held?(): Iterable<Address>;
  /** As `SystemNode.remembers`. */
  remembers?(): Parts | undefined;
  readonly statistics: SystemStatistics;
}

/**
 * Numbers for reports. `events` are counters of things that happened (`lockRetries`, `chainHops`,
 * `reallocations`); the others are bytes in use now.
 */
export interface SystemStatistics {
  /** `redundancyDown`, where not 0, makes a warning in every output. */
  readonly events: Readonly<Record<string, number>>;
  /** Bytes held on this node itself (tables, caches), by kind. */
  readonly metadataBytes: number;
  /** On one node or server only (who knows it): bytes in use on memory nodes. */
  readonly remote?: { readonly dataBytes: number; readonly metadataBytes: number } | undefined;
}

/** The operations of a key-value store. Sizes are checked: FARSIDE_KEY, FARSIDE_VALUE. */
export interface StoreClient {
  /** False where the key exists already. */
  insert(key: Key, value: Uint8Array): Program<boolean>;
  /** Fills `into` and gives the value's length in bytes; undefined where there is no such key. */
  get(key: Key, into: Uint8Array): Program<number | undefined>;
  /**
   * The same for a series of programs, where it is to be had without a generator and without a copy: gives
   * the value where the READ has put it, which is good until the client's next operation.
   */
  getSteps?(key: Key): Steps<Uint8Array | undefined>;
  /** False where there is no such key. */
  put(key: Key, value: Uint8Array): Program<boolean>;
  /** False where there was no such key. */
  delete(key: Key): Program<boolean>;
}
