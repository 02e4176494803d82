/**
 * A system of your own, in plain JavaScript: `farside run ./examples/my-system.js`. The tutorial
 * docs/your-own-system.md builds it step by step, and breaks it.
 *
 * It keeps one copy of every entry in a slot of fixed size, found by hashing its key and looking at the
 * slots that follow. A slot has room for two records: the current one, which nobody touches, and the next.
 *
 *      0 +--------------------+--------------------+
 *        | count u32          | holder u32         |  count: puts so far; holder: who writes, 0 nobody
 *      8 +--------------------+--------------------+
 *        | record of even counts                   |  key, lengths, version and checksum:
 *  8 + R +-----------------------------------------+  `encodeRecord` draws it; its version is the count
 *        | record of odd counts                    |
 * 8 + 2R +-----------------------------------------+
 *
 * A put takes the slot (CAS of the word: the same count, a holder), WRITEs the record that is not
 * current, and then WRITEs the word with the next count and no holder: that is the commit and the
 * unlocking in one. Who dies before it leaves the old record current and a holder, which `recover` takes
 * away. Slots are never freed, so a key stays where it is.
 *
 * What it does not have: replicas, deletes, FLUSHes, and an answer to a memory node that is lost.
 */
import {
  batch,
  cas,
  copyValue,
  encodeRecord,
  FarsideError,
  fence,
  gather,
  layout,
  read,
  readWord,
  recordBytes,
  recordHead,
  recordIsWhole,
  recordValueBytes,
  sleep,
  u32,
  write,
  writeWord,
} from 'farside';

const slotWord = layout('slot word', { count: u32, holder: u32 });
/** Half of all slots stay free, so that few keys have to look further than their first one. */
const slotsPerKey = 2;
/** Of one operation, on slots that others hold and on torn reads; reaching it is an error. */
const triesMax = 50_000;
const pauseNsMax = 20_000;
/** READs of a recovery in one doorbell. */
const wordsPerBatch = 16;

const because = 'a record is current only once it lies there whole, and stays untouched while it is';

export const system = {
  name: 'my-system',
  summary: 'one copy in a slot with room for two records, found by hashing',
  operations: ['insert', 'get', 'put'],
  roundTrips: 'get 1, put 3',
  promises: [
    { promise: 'linearizable', durability: 'assumed', holds: 'asynchronous-safe', because },
    { promise: 'linearizable', durability: 'flush', holds: 'no', because: 'it never FLUSHes' },
  ],
  parameters: [],

  /** Everything that is decided before the run. */
  configure(settings, shape) {
    if (shape.replicas > 1) {
      throw new FarsideError('FARSIDE_USAGE', `my-system keeps one copy, not ${shape.replicas}`);
    }
    const bytes = recordBytes(shape.keyBytesMax, shape.valueBytesMax);
    const slots = Math.ceil((shape.keysMax * slotsPerKey) / shape.memoryNodes) + 1;
    return { recordBytes: bytes, slotBytes: slotWord.sizeBytes + 2 * bytes, slots };
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
    const events = { slotWaits: 0, tornReads: 0 };
    return {
      openClient: () => new Client(site, config, events),
      recover: (fault) => recover(site, config, fault),
      background: [],
      statistics: { events, metadataBytes: 0 },
    };
  },
};

/** Where the slots of each memory node begin: everybody computes them, so nobody has to be asked. */
function basesOf({ cluster, shape }) {
  const memoryNodes = cluster.withRole('memory').slice(0, shape.memoryNodes);
  return memoryNodes.map(({ id }) => cluster.region(id, 'slots').address);
}

class Client {
  constructor(site, config, events) {
    this.context = site.context;
    this.config = config;
    this.events = events;
    this.bases = basesOf(site);
    this.slot = new Uint8Array(config.slotBytes);
    this.record = new Uint8Array(config.recordBytes);
    // Names this start of this node, never 0: what a survivor is told when the node is lost.
    this.holder = BigInt(site.context.incarnation + 1);
  }

  *get(key, into) {
    const { isMine } = yield* this.find(key);
    return isMine ? copyValue(this.slot, this.current, into) : undefined;
  }

  *put(key, value) {
    const { address, isMine } = yield* this.find(key);
    if (!isMine) return false;
    const count = yield* this.take(address, this.count, false);
    yield* this.commit(address, count + 1, key, value);
    return true;
  }

  *insert(key, value) {
    for (;;) {
      const { address, isMine } = yield* this.find(key);
      if (isMine) return false;
      // Whoever was faster has put a key there, perhaps this one: it is looked for again.
      if ((yield* this.take(address, 0, true)) === undefined) continue;
      yield* this.commit(address, 1, key, value);
      return true;
    }
  }

  // biome-ignore lint/correctness/useYield: a program that refuses before its first verb
  *delete() {
    throw new FarsideError('FARSIDE_UNSUPPORTED', 'my-system keeps what it has');
  }

  /** The slot of `key`, with its bytes in `this.slot`, or the free slot where it would go. */
  *find(key) {
    const { slots, slotBytes } = this.config;
    const base = this.bases[key.hash % this.bases.length];
    const first = Math.floor(key.hash / this.bases.length);
    for (let step = 0; step < slots; step++) {
      const address = base + ((first + step) % slots) * slotBytes;
      yield* this.readSlot(address);
      if (this.count === 0) return { address, isMine: false };
      if (recordValueBytes(this.slot, this.current, key) !== undefined) {
        return { address, isMine: true };
      }
    }
    throw new FarsideError('FARSIDE_CAPACITY', 'my-system: every slot of a memory node is taken');
  }

  /**
   * READs a slot until word and record belong together. One READ is no snapshot: the word may be of
   * before a put, and the record of during the put after it, which has not committed. So the record has to
   * be whole, and of the version that the word says.
   */
  *readSlot(address) {
    for (let i = 0; i < triesMax; i++) {
      yield* read(address, this.slot);
      if (this.count === 0) return;
      const version = recordHead.field.version.get(this.slot, this.current);
      if (version === this.count && recordIsWhole(this.slot, this.current)) return;
      this.events.tornReads++;
    }
    throw new FarsideError('FARSIDE_LIMIT', `my-system: ${triesMax} torn reads of one slot`);
  }

  get count() {
    return slotWord.field.count.get(this.slot, 0);
  }

  /** Where the current record begins in the slot. */
  get current() {
    return this.placeOf(this.count);
  }

  placeOf(count) {
    return slotWord.sizeBytes + (count % 2) * this.config.recordBytes;
  }

  /** Takes the slot, whatever its count is by then, and gives the count; of a free slot only as such. */
  *take(address, guess, mustBeFree) {
    let count = BigInt(guess);
    for (let i = 0; i < triesMax; i++) {
      const taking = cas(address, count, (this.holder << 32n) | count);
      yield* taking;
      if (taking.swapped) return Number(count);
      count = BigInt(taking.low);
      if (mustBeFree && count !== 0n) return undefined;
      if (taking.high === 0) continue;
      this.events.slotWaits++;
      yield* sleep(this.context.random('slot').below(pauseNsMax));
    }
    throw new FarsideError('FARSIDE_LIMIT', `my-system: a slot was held for ${triesMax} tries`);
  }

  /** One doorbell: the WRITE of the word cannot overtake that of the record, on the same queue pair. */
  *commit(address, count, key, value) {
    const bytes = encodeRecord(this.record, 0, key, value, count);
    yield* batch(
      write(address + this.placeOf(count), this.record.subarray(0, bytes)),
      writeWord(address, BigInt(count)),
    );
  }
}

/**
 * A compute node is lost: its slots are freed as they are. Fenced first, on every memory node: what it
 * posted before it died may land as late as it likes, and its WRITE of a record would otherwise fall into
 * the put of whoever takes the slot next.
 */
function* recover(site, { slots, slotBytes }, fault) {
  if (fault.kind !== 'computeLost') {
    throw new FarsideError('FARSIDE_UNSUPPORTED', `my-system cannot recover from: ${fault.kind}`);
  }
  const memoryNodes = site.cluster.withRole('memory').slice(0, site.shape.memoryNodes);
  for (const { id } of memoryNodes) yield* fence(id, fault.incarnation);
  const holder = BigInt(fault.incarnation + 1);
  let locksBroken = 0;
  for (const base of basesOf(site)) {
    for (let first = 0; first < slots; first += wordsPerBatch) {
      const length = Math.min(wordsPerBatch, slots - first);
      const addresses = Array.from({ length }, (_, i) => base + (first + i) * slotBytes);
      const words = yield* gather(...addresses.map((address) => readWord(address)));
      for (const [i, word] of words.entries()) {
        if (word >> 32n !== holder) continue;
        // A CAS: another survivor may have freed the slot since, and a client taken it.
        const freeing = cas(addresses[i], word, word & 0xffffffffn);
        yield* freeing;
        if (freeing.swapped) locksBroken++;
      }
    }
  }
  return { locksBroken, entriesRepaired: 0, buffersReclaimed: 0, bytesMoved: 0 };
}
