/**
 * A system of your own, in plain JavaScript: `farside run ./examples/my-system.js`.
 *
 * It keeps one copy of every entry in a slot of fixed size. A slot begins with a lock word; an entry is
 * found by hashing its key and looking at the slots that follow, one READ each.
 *
 *    0 +-----------+
 *      | lock      |  0: free; otherwise who writes
 *    8 +-----------+
 *      | record    |  key, lengths, version and checksum: encodeRecord draws it
 *      +-----------+
 *
 * Readers take no lock: a record that was caught half-written fails its checksum and is read again.
 * What it does not have: replicas, deletes, FLUSHes, and an answer to a client that dies with a lock.
 */
import {
  batch,
  cas,
  copyValue,
  encodeRecord,
  FarsideError,
  read,
  recordBytes,
  recordHead,
  recordIsWhole,
  recordValueBytes,
  sleep,
  write,
  writeWord,
} from 'farside';

const lockBytes = 8;
/** Half of all slots stay free, so that few keys have to look further than their first one. */
const slotsPerKey = 2;
/** Of one operation, on locks that others hold and on torn reads; reaching it is an error. */
const triesMax = 50_000;
const lockPauseNsMax = 20_000;

export const system = {
  name: 'my-system',
  summary: 'one copy in a slot of fixed size, found by hashing, behind a lock',
  operations: ['insert', 'get', 'put'],
  roundTrips: 'get 1, put 3',
  promises: [],
  parameters: [],

  /** Everything that is decided before the run. */
  configure(settings, shape) {
    if (shape.replicas > 1) {
      throw new FarsideError('FARSIDE_USAGE', `my-system keeps one copy, not ${shape.replicas}`);
    }
    const slotBytes = lockBytes + recordBytes(shape.keyBytesMax, shape.valueBytesMax);
    const slots = Math.ceil((shape.keysMax * slotsPerKey) / shape.memoryNodes) + 1;
    return { slotBytes, slots };
  },

  layout(shape, { slotBytes, slots }) {
    const memoryRegions = [{ name: 'slots', medium: shape.medium, sizeBytes: slots * slotBytes }];
    return { memoryRegions, servers: [], messageBytesMax: 0, messageSlots: 0 };
  },

  openServer() {
    throw new FarsideError('FARSIDE_INTERNAL', 'my-system has no servers');
  },

  /** One of these on each compute node; a client performs one operation at a time. */
  openNode(site, config) {
    const events = { lockWaits: 0, tornReads: 0 };
    return {
      openClient: () => new Client(site, config, events),
      background: [],
      statistics: { events, metadataBytes: 0 },
    };
  },
};

class Client {
  constructor({ context, cluster, shape }, { slotBytes, slots }, events) {
    this.context = context;
    this.events = events;
    this.slots = slots;
    this.slotBytes = slotBytes;
    // Every client computes the same addresses from the map of the cluster: nobody has to be asked.
    this.bases = Array.from({ length: shape.memoryNodes }, (_, node) => {
      return cluster.region(cluster.withRole('memory')[node].id, 'slots').address;
    });
    this.record = new Uint8Array(slotBytes - lockBytes);
    this.lock = BigInt(context.node + 1);
  }

  *get(key, into) {
    const slot = yield* this.find(key);
    return slot.isMine ? copyValue(this.record, 0, into) : undefined;
  }

  *put(key, value) {
    const slot = yield* this.find(key);
    return slot.isMine && (yield* this.replace(slot.address, key, value));
  }

  *insert(key, value) {
    for (;;) {
      const slot = yield* this.find(key);
      if (slot.isMine) return false;
      if (yield* this.replace(slot.address, key, value, true)) return true;
    }
  }

  // biome-ignore lint/correctness/useYield: a program that refuses before its first verb
  *delete() {
    throw new FarsideError('FARSIDE_UNSUPPORTED', 'my-system keeps what it has');
  }

  /** The slot of `key`, with its record in `this.record`, or the free slot where it would go. */
  *find(key) {
    const base = this.bases[key.hash % this.bases.length];
    const first = Math.floor(key.hash / this.bases.length);
    for (let step = 0; step < this.slots; step++) {
      const address = base + ((first + step) % this.slots) * this.slotBytes;
      yield* this.readWhole(address);
      if (this.isFree) return { address, isMine: false };
      if (recordValueBytes(this.record, 0, key) !== undefined) return { address, isMine: true };
    }
    throw new FarsideError('FARSIDE_CAPACITY', 'my-system: every slot of a memory node is taken');
  }

  *readWhole(address) {
    for (let i = 0; i < triesMax; i++) {
      yield* read(address + lockBytes, this.record);
      if (this.isFree || recordIsWhole(this.record, 0)) return;
      this.events.tornReads++;
    }
    throw new FarsideError('FARSIDE_LIMIT', `my-system: ${triesMax} torn reads of one record`);
  }

  get isFree() {
    return recordHead.field.keyBytes.get(this.record, 0) === 0;
  }

  /**
   * Locks a slot, writes the record and unlocks: 2 round trips. The READ behind the CAS sees what the
   * last writer left, so versions grow by one, and an insert sees whether its slot was taken meanwhile.
   * The unlocking WRITE goes in one doorbell with the record's, which it cannot overtake.
   */
  *replace(address, key, value, isInsert = false) {
    for (let i = 0; i < triesMax; i++) {
      const take = cas(address, 0n, this.lock);
      yield* batch(take, read(address + lockBytes, this.record));
      if (take.swapped) {
        const isFit = isInsert === this.isFree;
        const version = recordHead.field.version.get(this.record, 0) + 1;
        const bytes = isFit ? encodeRecord(this.record, 0, key, value, version) : 0;
        const fill = isFit ? [write(address + lockBytes, this.record.subarray(0, bytes))] : [];
        yield* batch(...fill, writeWord(address, 0n));
        return isFit;
      }
      this.events.lockWaits++;
      yield* sleep(this.context.random('lock').below(lockPauseNsMax));
    }
    throw new FarsideError('FARSIDE_LIMIT', `my-system: a lock was held for ${triesMax} tries`);
  }
}
