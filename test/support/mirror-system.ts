import {
  batch,
  cas,
  fence,
  type Program,
  read,
  settle,
  sleep,
  verbStatus,
  write,
} from '../../src/core/effect.ts';
import { FarsideError } from '../../src/core/errors.ts';
import type { Key } from '../../src/core/key.ts';
import {
  copyValue,
  encodeRecord,
  recordBytes,
  recordHead,
  recordIsWhole,
  recordValueBytes,
} from '../../src/core/record.ts';
import { RpcCaller, serve } from '../../src/core/rpc.ts';
import { type Fault, nothingRecovered, type RecoveryReport } from '../../src/systems/recovery.ts';
import type { Site, StoreClient, System, SystemNode } from '../../src/systems/system.ts';

/**
 * The smallest system that has something to recover, for tests of the plumbing alone: every memory node
 * holds every record, a writer asks a server for a version and then writes all copies. A slot is
 * claimed by CAS where a key is inserted, and copies that two writers leave different stay so.
 */
interface MirrorConfig {
  readonly slots: number;
  readonly slotBytes: number;
}

const claimBytes = 8;

export const system: System<MirrorConfig> = {
  name: 'mirror',
  summary: 'a copy on every memory node, versions from a server',
  operations: ['insert', 'get', 'put'],
  roundTrips: 'get 1, put 2',
  promises: [],
  parameters: [],
  configure: (_, shape) => ({
    slots: shape.keysMax * 4,
    slotBytes: claimBytes + recordBytes(shape.keyBytesMax, shape.valueBytesMax),
  }),
  layout: (shape, { slots, slotBytes }) => ({
    memoryRegions: [{ name: 'slots', medium: shape.medium, sizeBytes: slots * slotBytes }],
    servers: [{ name: 'versions', role: 'coordinator', cores: 1, regions: [] }],
    messageBytesMax: 8,
    messageSlots: shape.clientsPerNode * shape.outstanding,
  }),
  openNode: (site, config) => new MirrorNode(site, config),
  openServer: (site) =>
    versions(site, function* () {
      return 0;
    }),
  takeOver: (site, config, _role, _index, fault) =>
    versions(site, function* () {
      if (fault.kind !== 'serverLost') throw new FarsideError('FARSIDE_INTERNAL', fault.kind);
      const copies = new Copies(site, config);
      for (const node of copies.nodes) yield* fence(node, fault.incarnation);
      return yield* copies.newest();
    }),
};

/** Gives out versions, counting on from what `begin` gives. */
function versions(
  { context }: Site,
  begin: () => Program<number>,
): ReturnType<System['openServer']> {
  const port = context.hub.openPort();
  const answer = new Uint8Array(8);
  const program = function* (): Program {
    let last = yield* begin();
    yield* serve(context, port, function* () {
      new DataView(answer.buffer).setFloat64(0, ++last, true);
      return answer;
    });
  };
  return { programs: [program()], statistics: { events: {}, metadataBytes: 0 } };
}

/** Where the copies lie, and what can be done to all of them. */
class Copies {
  /** Memory nodes that hold everything, the one that is read first. */
  nodes: number[];
  readonly #site: Site;
  readonly #config: MirrorConfig;

  constructor(site: Site, config: MirrorConfig) {
    this.#site = site;
    this.#config = config;
    const memory = site.cluster.withRole('memory').map(({ id }) => id);
    this.nodes = memory.slice(0, site.shape.memoryNodes);
  }

  at(node: number, slot: number): number {
    return this.#site.cluster.region(node, 'slots').address + slot * this.#config.slotBytes;
  }

  *newest(): Program<number> {
    const bytes = new Uint8Array(this.#config.slotBytes);
    let newest = 0;
    for (let slot = 0; slot < this.#config.slots; slot++) {
      yield* read(this.at(this.nodes[0] as number, slot), bytes);
      newest = Math.max(newest, recordHead.field.version.get(bytes, claimBytes));
    }
    return newest;
  }

  /** Everything that `from` holds; gives the bytes written. */
  *copy(from: number, to: number): Program<number> {
    const bytes = new Uint8Array(this.#config.slotBytes);
    for (let slot = 0; slot < this.#config.slots; slot++) {
      yield* read(this.at(from, slot), bytes);
      yield* write(this.at(to, slot), bytes);
    }
    return this.#config.slots * this.#config.slotBytes;
  }
}

class MirrorNode implements SystemNode {
  readonly background = [];
  readonly events = { fenced: 0, moved: 0 };
  readonly statistics = { events: this.events, metadataBytes: 0 };
  readonly copies: Copies;
  server: number;
  readonly #site: Site;
  readonly #config: MirrorConfig;

  constructor(site: Site, config: MirrorConfig) {
    this.#site = site;
    this.#config = config;
    this.copies = new Copies(site, config);
    this.server = site.cluster.withRole('coordinator')[0]?.id as number;
  }

  openClient(): StoreClient {
    return new MirrorClient(this, this.#site, this.#config);
  }

  *recover(fault: Fault): Program<RecoveryReport> {
    const { copies } = this;
    switch (fault.kind) {
      case 'computeLost':
        for (const node of copies.nodes) yield* fence(node, fault.incarnation);
        this.events.fenced++;
        return { ...nothingRecovered, locksBroken: 1 };
      case 'serverLost':
        this.server = fault.successor ?? this.server;
        return nothingRecovered;
      case 'memoryRestarted': {
        const other = copies.nodes.find((node) => node !== fault.node);
        if (other === undefined) return nothingRecovered;
        return { ...nothingRecovered, bytesMoved: yield* copies.copy(other, fault.node) };
      }
      case 'memoryLost':
      case 'memoryMoved': {
        const to = fault.kind === 'memoryLost' ? fault.spare : fault.to;
        const left = copies.nodes.filter((node) => node !== fault.node);
        const from = fault.kind === 'memoryLost' ? left[0] : fault.node;
        const bytesMoved = to === undefined ? 0 : yield* copies.copy(from as number, to);
        copies.nodes = to === undefined ? left : [...left, to];
        this.events.moved++;
        return { ...nothingRecovered, bytesMoved };
      }
    }
  }
}

const triesMax = 100;

class MirrorClient implements StoreClient {
  readonly #node: MirrorNode;
  readonly #config: MirrorConfig;
  readonly #caller: RpcCaller;
  readonly #slot: Uint8Array;

  constructor(node: MirrorNode, site: Site, config: MirrorConfig) {
    this.#node = node;
    this.#config = config;
    this.#caller = new RpcCaller(site.context);
    this.#slot = new Uint8Array(config.slotBytes);
  }

  *get(key: Key, into: Uint8Array): Program<number | undefined> {
    const slot = yield* this.#find(key);
    return slot === undefined ? undefined : copyValue(this.#slot, claimBytes, into);
  }

  *put(key: Key, value: Uint8Array): Program<boolean> {
    const slot = yield* this.#find(key);
    if (slot === undefined) return false;
    yield* this.#write(slot, key, value);
    return true;
  }

  *insert(key: Key, value: Uint8Array): Program<boolean> {
    const { copies } = this.#node;
    for (let slot = key.hash % this.#config.slots; ; slot = (slot + 1) % this.#config.slots) {
      if ((yield* cas(copies.at(copies.nodes[0] as number, slot), 0n, 1n)) !== 0n) continue;
      yield* this.#write(slot, key, value);
      return true;
    }
  }

  *delete(): Program<boolean> {
    throw new FarsideError('FARSIDE_UNSUPPORTED', 'mirror keeps what it has');
  }

  *#find(key: Key): Program<number | undefined> {
    for (let slot = key.hash % this.#config.slots; ; slot = (slot + 1) % this.#config.slots) {
      yield* this.#readWhole(slot);
      if (recordHead.field.keyBytes.get(this.#slot, claimBytes) === 0) return undefined;
      if (recordValueBytes(this.#slot, claimBytes, key) !== undefined) return slot;
    }
  }

  /** From the first copy that answers. */
  *#readWhole(slot: number): Program {
    const { copies } = this.#node;
    for (let tries = 0; tries < triesMax; tries++) {
      const node = copies.nodes[tries % copies.nodes.length] as number;
      const verb = read(copies.at(node, slot), this.#slot);
      yield* settle(verb);
      if (verb.status !== verbStatus.ok) continue;
      const isFree = recordHead.field.keyBytes.get(this.#slot, claimBytes) === 0;
      if (isFree || recordIsWhole(this.#slot, claimBytes)) return;
      yield* sleep(500);
    }
    throw new FarsideError('FARSIDE_LIMIT', `slot ${slot} is never whole`);
  }

  *#write(slot: number, key: Key, value: Uint8Array): Program {
    const { copies, server } = this.#node;
    const reply = yield* this.#caller.call(server, 0, new Uint8Array(8));
    const version = new DataView(reply.buffer, reply.byteOffset).getFloat64(0, true);
    const length = encodeRecord(this.#slot, claimBytes, key, value, version);
    const record = this.#slot.subarray(claimBytes, claimBytes + length);
    yield* batch(...copies.nodes.map((node) => write(copies.at(node, slot) + claimBytes, record)));
  }
}
