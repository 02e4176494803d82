import type { Address } from '../../core/address.ts';
import type { NodeContext } from '../../core/context.ts';
import { type Program, sleep } from '../../core/effect.ts';
import { assert, FarsideError } from '../../core/errors.ts';
import type { Key } from '../../core/key.ts';
import type { RandomStream } from '../../core/random.ts';
import type { Site, StoreClient, StoreShape, SystemNode, SystemStatistics } from '../system.ts';
import { SlotAllocator } from './allocator.ts';
import { DirectClient } from './client.ts';
import type { DirectConfig } from './config.ts';
import { Geometry } from './geometry.ts';
import type { SizeClass } from './size-classes.ts';
import { sizingOf } from './sizing.ts';
import { stampOf } from './words.ts';

/** Where a key's record is, as a compute node remembers it. */
export interface Location {
  readonly primary: number;
  /** Start of the slot in the copy areas, in units of 64 bytes. */
  readonly slot: number;
  readonly sizeClass: SizeClass;
  readonly generation: number;
  /** Of the index entry that names the slot. */
  readonly entry: Address;
  /** Length of the record when last seen: what a get READs. */
  recordBytes: number;
}

const eventNames = [
  'lockRetries',
  'bucketRetries',
  'entryRaces',
  'tornReads',
  'lockedReads',
  'lengthMisses',
  'coldLookups',
  'staleLocations',
  'movesFollowed',
  'failovers',
  'reallocations',
  'extentsClaimed',
  'slotsShared',
  'slotsTaken',
  'slotsRetired',
  'listRetries',
] as const;
export type DirectEvent = (typeof eventNames)[number];

/** Of a location in a table: addresses and lengths, packed. The key is counted apart. */
const locationBytes = 32;

/** One compute node: the table of locations, which has no limit (paper, Table 1: "large"). */
export class DirectNode implements SystemNode {
  readonly background: readonly Program<unknown>[] = [];
  readonly context: NodeContext;
  readonly config: DirectConfig;
  readonly shape: StoreShape;
  readonly geometry: Geometry;
  readonly allocator: SlotAllocator;
  readonly #events: Record<DirectEvent, number>;
  readonly #locations = new Map<string, Location>();
  readonly #pauses: RandomStream;
  readonly #reportsFixed: boolean;
  #metadataBytes = 0;
  #stamps = 0;

  constructor(site: Site, config: DirectConfig) {
    this.context = site.context;
    this.config = config;
    this.shape = site.shape;
    this.geometry = new Geometry(site.cluster, site.shape, sizingOf(site.shape));
    this.#events = Object.fromEntries(eventNames.map((name) => [name, 0])) as Record<
      DirectEvent,
      number
    >;
    this.allocator = new SlotAllocator(site.context, this.geometry, (name) => this.count(name));
    this.#pauses = site.context.random('direct back-off');
    this.#reportsFixed = site.cluster.withRole('compute')[0]?.id === site.context.node;
  }

  openClient(): StoreClient {
    return new DirectClient(this);
  }

  count(event: DirectEvent): void {
    this.#events[event]++;
  }

  location(key: Key): Location | undefined {
    return this.#locations.get(key.text);
  }

  remember(key: Key, location: Location): void {
    if (!this.#locations.has(key.text)) this.#metadataBytes += locationBytes + key.bytes.length;
    this.#locations.set(key.text, location);
  }

  /** A location that turned out to name another life of the slot, or another key. */
  dropStale(key: Key, stale: Location): void {
    this.count('staleLocations');
    this.forget(key, stale);
  }

  /** Unless another client of this node has replaced it meanwhile. */
  forget(key: Key, stale: Location): void {
    if (this.#locations.get(key.text) !== stale) return;
    this.#locations.delete(key.text);
    this.#metadataBytes -= locationBytes + key.bytes.length;
  }

  checkKey(key: Key): void {
    assert(
      key.bytes.length <= this.shape.keyBytesMax,
      () =>
        `key ${JSON.stringify(key.text)} has ${key.bytes.length} bytes: ` +
        `this store takes up to ${this.shape.keyBytesMax}`,
      'FARSIDE_KEY',
    );
  }

  checkValue(value: Uint8Array): void {
    assert(
      value.length >= 1 && value.length <= this.shape.valueBytesMax,
      () => `a value of ${value.length} bytes: this store takes 1 to ${this.shape.valueBytesMax}`,
      'FARSIDE_VALUE',
    );
  }

  /** A name for the next write of this node; see `stampOf`. */
  nextStamp(): number {
    this.#stamps = (this.#stamps + 1) & 0xfffff;
    return stampOf(this.context.node, this.#stamps);
  }

  /** Randomised exponential back-off, so that writers of one key do not retry in step. */
  *backOff(attempt: number): Program {
    const { backOffNsMin, backOffNsMax } = this.config;
    const meanNs = Math.min(backOffNsMax, backOffNsMin * 2 ** Math.min(attempt, 30));
    yield* sleep(meanNs * (0.5 + this.#pauses.unit()));
  }

  /**
   * `remote` is this node's share: slots that it allocated less those that it freed. The sum over
   * compute nodes is what is in use; index and pool are counted at the first of them.
   */
  get statistics(): SystemStatistics {
    const { sizing, memoryNodes, replicas } = this.geometry;
    const fixedBytes = sizing.buckets * 64 + sizing.poolBytes + replicas * sizing.directoryBytes;
    return {
      events: { ...this.#events },
      metadataBytes: this.#metadataBytes,
      remote: {
        dataBytes: this.allocator.usedBytes * replicas,
        metadataBytes: this.#reportsFixed ? fixedBytes * memoryNodes : 0,
      },
    };
  }
}

/** Times that one operation looks its key up again because the slot changed hands under it. */
export const relocationsMax = 1000;

export function restless(key: Key): FarsideError {
  return new FarsideError(
    'FARSIDE_LIMIT',
    `key ${JSON.stringify(key.text)} was moved, deleted or inserted under every attempt to ` +
      'reach it',
  );
}
