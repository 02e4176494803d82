import { type Address, align8, formatAddress, nodeOf } from '../../core/address.ts';
import { keyOf } from '../../core/key.ts';
import { recordHead } from '../../core/record.ts';
import type { Audit, AuditEntry, MemoryImage } from '../recovery.ts';
import type { Site, SystemServer } from '../system.ts';
import { chunkBytes } from './chunk.ts';
import { voidAddress, voidsMax } from './control.ts';
import type { Coordinator } from './coordinator.ts';
import { decodeMap, mapBytes, type StoredHalf } from './map-format.ts';
import { type FoundRecord, recordsIn } from './scan.ts';
import { CentralServer } from './server.ts';
import { dataRegionName, mapRegionName } from './settings.ts';
import { slotsIn } from './void-list.ts';

/**
 * Compares three accounts of a store at rest, which are kept apart: what the persistent map names,
 * what lies on the memory nodes, and which buffers the coordinator takes for free.
 */
export function auditCentral(
  site: Site,
  image: MemoryImage,
  servers: readonly SystemServer[],
): Audit {
  const server = servers.find(
    (candidate): candidate is CentralServer =>
      candidate instanceof CentralServer &&
      candidate.state === 'serving' &&
      candidate.coordinator.term === newestTerm(servers),
  );
  if (server === undefined) {
    return { ...emptyAudit, violations: ['no coordinator is serving'] };
  }
  const { coordinator } = server;
  const violations: string[] = [];
  const records = recordsOn(site, image, coordinator);
  const entries = entriesOf(site, image, coordinator, records, violations);
  strays(entries, records, coordinator, violations);
  return { ...space(server, entries), entries: entries.map(({ entry }) => entry), violations };
}

const emptyAudit: Audit = {
  entries: [],
  reachable: 0,
  free: 0,
  leaked: [],
  doubled: [],
  violations: [],
};

/** An old coordinator that is only slow still thinks that it serves. */
function newestTerm(servers: readonly SystemServer[]): number {
  const terms = servers.map((server) =>
    server instanceof CentralServer && server.state === 'serving' ? server.coordinator.term : -1,
  );
  return Math.max(...terms);
}

/** Of the chunk under audit. */
const scratch = new Uint8Array(chunkBytes);

interface Known {
  readonly entry: AuditEntry;
  readonly addresses: readonly Address[];
}

function recordsOn(
  site: Site,
  image: MemoryImage,
  { nodes }: Coordinator,
): ReadonlyMap<Address, FoundRecord> {
  const found = new Map<Address, FoundRecord>();
  const list = new Uint8Array(8 * voidsMax);
  for (const node of nodes.present) {
    if (!image.isUp(node)) continue;
    image.read(voidAddress(nodes.control(node), nodes.ids.length, 0), list);
    const isVoid = new Set(slotsIn(list));
    const region = site.cluster.region(node, dataRegionName);
    const chunk = scratch;
    for (let at = 0; at + chunkBytes <= region.sizeBytes; at += chunkBytes) {
      image.read(region.address + at, chunk.subarray(0, 8));
      if (chunk.subarray(0, 8).every((byte) => byte === 0)) continue;
      image.read(region.address + at, chunk);
      for (const record of recordsIn(chunk, region.address + at)) {
        if (!isVoid.has(record.address)) found.set(record.address, record);
      }
    }
  }
  return found;
}

/** What the map in the coordinator's own memory names, and whether it is there. */
function entriesOf(
  site: Site,
  image: MemoryImage,
  coordinator: Coordinator,
  records: ReadonlyMap<Address, FoundRecord>,
  violations: string[],
): Known[] {
  const { table } = coordinator;
  const region = site.cluster.region(coordinator.site.context.node, mapRegionName);
  const bytes = new Uint8Array(align8(mapBytes(table.capacity, table.replicas)));
  image.read(region.address, bytes);
  const map = decodeMap(bytes, table.capacity, table.replicas);
  const known: Known[] = [];
  const { nodes } = coordinator;
  // As many copies may be missing as there are no memory nodes for.
  const missingMax = table.replicas - Math.min(table.replicas, nodes.members.length);
  const slotOf = new Map<string, number>();
  for (const [slot, half] of map?.slots.entries() ?? []) {
    if (half === undefined || half.recordBytes === 0) continue;
    const gone = half.addresses.filter((at) => nodes.isGone(at));
    const addresses = gone.length > missingMax ? half.addresses : without(half.addresses, gone);
    const copyNodes = addresses.map(nodeOf);
    if (new Set(copyNodes).size < copyNodes.length) {
      violations.push(`slot ${slot}: of its copies on memory nodes ${copyNodes}, two share one`);
    }
    const entry = entryAt(image, slot, { ...half, addresses }, records, violations);
    if (entry === undefined) continue;
    const other = slotOf.get(entry.key);
    if (other !== undefined) violations.push(`slots ${other} and ${slot} name one key`);
    slotOf.set(entry.key, slot);
    known.push({ entry, addresses: half.addresses });
  }
  if (map === undefined && table.entries > 0) violations.push('the persistent map is damaged');
  return known;
}

function without(all: readonly Address[], some: readonly Address[]): Address[] {
  return all.filter((address) => !some.includes(address));
}

function entryAt(
  image: MemoryImage,
  slot: number,
  half: StoredHalf,
  records: ReadonlyMap<Address, FoundRecord>,
  violations: string[],
): AuditEntry | undefined {
  let key: string | undefined;
  let value = new Uint8Array(0);
  for (const address of half.addresses) {
    const record = records.get(address);
    const where = address === 0 ? 'nowhere' : `at ${formatAddress(address)}`;
    if (record === undefined || record.sequence !== half.sequence) {
      violations.push(`slot ${slot}: the copy ${where} is not whole record ${half.sequence}`);
      continue;
    }
    const bytes = valueIn(image, record);
    if (key === undefined) {
      ({ key } = record);
      value = bytes;
    } else if (key !== record.key || !equal(value, bytes)) {
      violations.push(`slot ${slot}: the copy ${where} differs from another one`);
    }
  }
  return key === undefined ? undefined : { key, version: half.sequence, value };
}

function valueIn(image: MemoryImage, record: FoundRecord): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(record.recordBytes);
  image.read(record.address, bytes);
  const start = recordHead.sizeBytes + record.key.length;
  return bytes.slice(start, start + recordHead.field.valueBytes.get(bytes, 0));
}

/**
 * Whole records that no slot names, and that a standby would take for the newest of their key; unless the
 * coordinator knows that its key is not settled, and says of it neither yes nor no.
 */
function strays(
  entries: readonly Known[],
  records: ReadonlyMap<Address, FoundRecord>,
  { table }: Coordinator,
  violations: string[],
): void {
  const named = new Set(entries.flatMap(({ addresses }) => addresses));
  const versions = new Map(entries.map(({ entry }) => [entry.key, entry.version]));
  for (const record of records.values()) {
    if (named.has(record.address) || record.sequence <= (versions.get(record.key) ?? 0)) continue;
    const { bytes, hash } = keyOf(record.key);
    const entry = table.find(hash, bytes, 0, bytes.length);
    if (entry >= 0 && (table.unsettled[entry] as number) > 0) continue;
    const where = formatAddress(record.address);
    violations.push(`a whole record ${record.sequence} that no slot names lies at ${where}`);
  }
}

function space(
  server: CentralServer,
  entries: readonly Known[],
): Pick<Audit, 'reachable' | 'free' | 'leaked' | 'doubled'> {
  const { nodes, allocator, copies } = server.coordinator;
  const doubled: Address[] = [];
  // Schedules are audited by the million: what is free is asked of the allocator, and not listed.
  const owed = new Set<Address>();
  for (const address of copies.owed) {
    if (owed.has(address) || allocator.isFree(address)) doubled.push(address);
    owed.add(address);
  }
  const reachable = new Set<Address>();
  for (const address of entries.flatMap(({ addresses }) => addresses)) {
    if (nodes.isGone(address)) continue;
    const isFree = owed.has(address) || allocator.isFree(address);
    if (reachable.has(address) || isFree) doubled.push(address);
    reachable.add(address);
  }
  const unaccounted = [...allocator.usedBuffers()].filter(
    (address) => !owed.has(address) && !reachable.has(address),
  );
  // At rest none is on its way to the free list, but where a delete waits for what is owed to its key.
  const leaked = unaccounted.length > copies.retiring ? unaccounted : [];
  const free = allocator.freeCount + owed.size;
  return { reachable: reachable.size, free, leaked, doubled };
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
