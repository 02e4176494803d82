import { type Address, nodeOf } from '../../core/address.ts';
import { keyOf } from '../../core/key.ts';
import type { Coordinator } from './coordinator.ts';
import type { MapHalf, StoredMap } from './map-format.ts';
import type { Found, FoundRecord } from './scan.ts';

interface KnownEntry extends MapHalf {
  readonly slot: number;
  readonly key: string;
}

/** What the store holds, as someone who takes over decides it. */
export class Contents {
  /** Addresses that are 0 are copies that are missing. */
  readonly entries: readonly KnownEntry[];
  readonly found: Found;
  /** No sequence number above it has been seen. */
  readonly sequenceLast: number;
  /** Entries of a map of which no copy is whole. */
  readonly entriesLost: number;

  constructor(entries: readonly KnownEntry[], found: Found, entriesLost: number) {
    this.entries = entries;
    this.found = found;
    this.sequenceLast = found.records.reduce((last, { sequence }) => Math.max(last, sequence), 0);
    this.entriesLost = entriesLost;
  }

  /**
   * Fills a coordinator that knows nothing: its table, and the buffers in use. Those are all that hold a
   * whole record, wanted or not: until it is invalid no other record may be written there. And those that are
   * listed as void, until they are no more.
   */
  adoptInto(coordinator: Coordinator): void {
    const { table, allocator, nodes } = coordinator;
    for (const start of this.found.chunks) allocator.pool(nodeOf(start)).touch(start);
    for (const { slot, key, addresses, sequence, recordBytes, moves } of this.entries) {
      const { bytes, hash } = keyOf(key);
      table.restore(slot, hash, bytes);
      table.live[slot] = 1;
      table.sequence[slot] = sequence;
      table.recordBytes[slot] = recordBytes;
      table.moves[slot] = moves;
      table.setAddresses(slot, addresses);
    }
    for (const { address, classIndex } of [...this.found.records, ...this.found.voids]) {
      allocator.pool(nodeOf(address)).adopt(address, classIndex);
    }
    table.settle();
    for (const node of nodes.ids) allocator.pool(node).settle();
  }

  /** Whole records that are no entry's now. */
  unwanted({ table, nodes }: Coordinator): FoundRecord[] {
    const named = new Set([...table.liveEntries()].flatMap((entry) => table.addresses(entry)));
    return this.found.records.filter(
      ({ address }) => !named.has(address) && !nodes.isGone(address),
    );
  }
}

/** With the coordinator's own map: what it names, of copies that are whole. */
export function committed(map: StoredMap, found: Found, replicas: number): Contents {
  const byAddress = new Map(found.records.map((record) => [record.address, record]));
  const entries: KnownEntry[] = [];
  let lost = 0;
  for (const [slot, half] of map.slots.entries()) {
    if (half === undefined || half.recordBytes === 0) continue;
    const { sequence, recordBytes, moves } = half;
    const records = half.addresses.map((address) => {
      const record = byAddress.get(address);
      return record?.sequence === sequence && record.recordBytes === recordBytes
        ? record
        : undefined;
    });
    const key = records.find((record) => record !== undefined)?.key;
    if (key === undefined) {
      lost++;
      continue;
    }
    const addresses = pad(records, replicas);
    entries.push({ slot, key, sequence, recordBytes, addresses, moves });
  }
  return new Contents(entries, found, lost);
}

/** Without a map: of each key, the whole record with the highest sequence number. */
export function newest(found: Found, replicas: number): Contents {
  const copies = new Map<string, FoundRecord[]>();
  for (const record of found.records) {
    const known = copies.get(record.key);
    const order = known === undefined ? 1 : record.sequence - (known[0] as FoundRecord).sequence;
    if (order > 0) copies.set(record.key, [record]);
    else if (order === 0 && !isOnOneOf(known ?? [], record)) known?.push(record);
  }
  const entries = [...copies].map(([key, records], slot) => {
    const { sequence, recordBytes } = records[0] as FoundRecord;
    return { slot, key, sequence, recordBytes, addresses: pad(records, replicas), moves: 0 };
  });
  return new Contents(entries, found, 0);
}

/**
 * In which order they are made invalid: of each key the oldest first. If the newest went first, and whoever
 * does it stopped there, the next one would find an older record of a key, which an acknowledged put had
 * overwritten.
 */
export function oldestFirst(records: readonly FoundRecord[]): FoundRecord[][] {
  const sequences = new Map<string, Set<number>>();
  const rounds: FoundRecord[][] = [];
  for (const record of [...records].sort((a, b) => a.sequence - b.sequence)) {
    const seen = sequences.get(record.key) ?? new Set();
    sequences.set(record.key, seen.add(record.sequence));
    (rounds[seen.size - 1] ??= []).push(record);
  }
  return rounds;
}

/** A record can stand twice on one node: a put whose first attempt failed elsewhere wrote it again. */
export function isOnOneOf(known: readonly FoundRecord[], record: FoundRecord): boolean {
  return known.some(({ address }) => nodeOf(address) === nodeOf(record.address));
}

/** The addresses of the first `replicas` of them, and 0 for each that is missing. */
export function pad(records: readonly (FoundRecord | undefined)[], replicas: number): Address[] {
  return Array.from({ length: replicas }, (_, copy) => records[copy]?.address ?? 0);
}
