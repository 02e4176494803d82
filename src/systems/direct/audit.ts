import type { Address } from '../../core/address.ts';
import { recordFlags, recordHead, recordIsWhole, recordValueOffset } from '../../core/record.ts';
import { loadHalf, loadWord } from '../../core/word.ts';
import type { Audit, AuditEntry, MemoryImage } from '../recovery.ts';
import type { SystemNode } from '../system.ts';
import { type Geometry, placeOf } from './geometry.ts';
import { movedFlag } from './reader.ts';
import { keyIn } from './repair.ts';
import { type Run, runsIn, slotsOf } from './runs.ts';
import { lockBytes, type SizeClass } from './size-classes.ts';
import { bucketBytes } from './sizing.ts';
import {
  decodeLock,
  lockState,
  nobody,
  unpackClaim,
  unpackEntry,
  versionGeneration,
} from './words.ts';

/** An entry of the index, and where it stands. */
interface Named {
  readonly bucket: number;
  readonly fingerprint: number;
  readonly sizeClass: number;
  used: boolean;
}

/**
 * Looks at the store at rest: no verb is in flight, and whatever was lost has been recovered. Every
 * slot of every claimed run has to be one of: named by one entry, idle, with whole and equal copies;
 * free and on offer, or on the list of the one live node that its word names; or retired.
 */
export class Auditor {
  readonly #geometry: Geometry;
  readonly #image: MemoryImage;
  /** Addresses on lists of live nodes, and how often. */
  readonly #held = new Map<Address, number>();
  readonly #keys = new Set<string>();
  readonly #entries: AuditEntry[] = [];
  readonly #leaked: Address[] = [];
  readonly #doubled: Address[] = [];
  readonly #violations: string[] = [];
  #reachable = 0;
  #free = 0;

  constructor(geometry: Geometry, image: MemoryImage, nodes: readonly SystemNode[]) {
    this.#geometry = geometry;
    this.#image = image;
    for (const node of nodes) {
      for (const address of node.held?.() ?? []) {
        const times = (this.#held.get(address) ?? 0) + 1;
        this.#held.set(address, times);
        if (times === 2) this.#doubled.push(address);
      }
    }
  }

  audit(): Audit {
    for (let primary = 0; primary < this.#geometry.memoryNodes; primary++) {
      if (!this.#image.isUp(this.#geometry.holder(primary))) {
        this.#auditCopies(primary);
        continue;
      }
      this.#auditPrimary(primary);
    }
    return {
      entries: this.#entries,
      reachable: this.#reachable,
      free: this.#free,
      leaked: this.#leaked,
      doubled: this.#doubled,
      violations: this.#violations,
    };
  }

  #auditPrimary(primary: number): void {
    const index = this.#readIndex(primary);
    const { extents } = unpackClaim(this.#word(this.#geometry.claims(primary)));
    const directory = this.#bytes(this.#geometry.directory(primary, 0, 0), extents * 8);
    for (const copy of this.#copiesUp(primary)) {
      const other = this.#bytes(this.#geometry.directory(primary, copy, 0), extents * 8);
      if (directory.some((byte, i) => byte !== other[i])) {
        this.#violations.push(`place ${primary}: the directory of copy ${copy} differs`);
      }
    }
    for (let extent = 0; extent < extents; extent++) {
      if (loadHalf(directory, extent * 8) === 0) {
        this.#leaked.push(this.#geometry.directory(primary, 0, extent));
      }
    }
    for (const run of runsIn(directory)) {
      for (const slot of slotsOf(run, this.#geometry.sizing))
        this.#auditSlot(primary, run, slot, index);
    }
    for (const [name, { used }] of index) {
      if (!used) {
        this.#violations.push(
          `place ${primary}: an entry names slot ${name}, which is no such life`,
        );
      }
    }
  }

  /** Of a place that nobody holds: what the first copy that is left says. Its free space is unknown. */
  #auditCopies(primary: number): void {
    const { memoryNodes, replicas, sizing } = this.#geometry;
    for (let copy = 1; copy < replicas; copy++) {
      if (!this.#image.isUp(this.#geometry.holder((primary + copy) % memoryNodes))) continue;
      const address = this.#geometry.directory(primary, copy, 0);
      for (const run of runsIn(this.#bytes(address, sizing.extentsPerCopy * 8))) {
        for (const slot of slotsOf(run, this.#geometry.sizing))
          this.#auditCopy(primary, copy, slot, run.sizeClass);
      }
      return;
    }
    this.#violations.push(`place ${primary}: its memory node is lost, and no copy is left`);
  }

  #auditCopy(primary: number, copy: number, slot: number, sizeClass: SizeClass): void {
    const lock = decodeLock(this.#word(this.#geometry.slot(primary, copy, slot)));
    const record = this.#record(primary, copy, slot, sizeClass);
    if (lock.state !== lockState.idle || !recordIsWhole(record, 0)) return;
    const { version, flags, valueBytes } = recordHead.field;
    const isEntry = (flags.get(record, 0) & (recordFlags.tombstone | movedFlag)) === 0;
    if (!isEntry || versionGeneration(version.get(record, 0)) !== lock.generation) return;
    const at = recordValueOffset(record, 0);
    const value = record.slice(at, at + valueBytes.get(record, 0));
    this.#reachable++;
    this.#entries.push({ key: keyIn(record).text, version: version.get(record, 0), value });
  }

  #readIndex(primary: number): Map<string, Named> {
    const { buckets } = this.#geometry.sizing;
    const index = new Map<string, Named>();
    for (let bucket = 0; bucket < buckets; bucket++) {
      const bytes = this.#bytes(this.#geometry.bucket(primary, bucket), bucketBytes);
      if (loadWord(bytes, 0) !== 0n) {
        this.#violations.push(`place ${primary}: bucket ${bucket} is locked`);
      }
      for (let at = 8; at < bucketBytes; at += 8) {
        const entry = unpackEntry(loadHalf(bytes, at + 4), loadHalf(bytes, at));
        if (entry.generation === 0) continue;
        const name = `${entry.slot} in life ${entry.generation}`;
        if (index.has(name)) this.#doubled.push(this.#geometry.slot(primary, 0, entry.slot));
        index.set(name, { bucket, ...entry, used: false });
      }
    }
    return index;
  }

  #auditSlot(primary: number, run: Run, slot: number, index: Map<string, Named>): void {
    const address = this.#geometry.slot(primary, 0, slot);
    const word = this.#word(address);
    const { state, incarnation, generation } = decodeLock(word);
    const held = this.#held.has(address);
    const named = index.get(`${slot} in life ${generation}`);
    if (state === lockState.retired) return;
    if (state === lockState.free || word === 0n) {
      if (state === lockState.free && incarnation === nobody) {
        if (held) this.#doubled.push(address);
        this.#free += this.#geometry.replicas;
      } else if (held) this.#free += this.#geometry.replicas;
      else this.#leaked.push(address);
      return;
    }
    if (state === lockState.held) {
      this.#violations.push(`place ${primary}: slot ${slot} is held by incarnation ${incarnation}`);
    }
    if (held) this.#doubled.push(address);
    if (named === undefined) {
      this.#leaked.push(address);
      return;
    }
    named.used = true;
    this.#reachable += this.#geometry.replicas;
    this.#auditEntry(primary, run.sizeClass, slot, generation, named);
  }

  #auditEntry(
    primary: number,
    sizeClass: SizeClass,
    slot: number,
    generation: number,
    named: Named,
  ): void {
    const where = `place ${primary}, slot ${slot}`;
    const wrong = (what: string): void => {
      this.#violations.push(`${where}: ${what}`);
    };
    const first = this.#record(primary, 0, slot, sizeClass);
    if (named.sizeClass !== sizeClass.index) wrong('the entry names another size class');
    if (!recordIsWhole(first, 0)) {
      wrong('the checksum of its record fails');
      return;
    }
    const version = recordHead.field.version.get(first, 0);
    if (versionGeneration(version) !== generation) wrong('its record is of another life');
    const flags = recordHead.field.flags.get(first, 0);
    if ((flags & (recordFlags.tombstone | movedFlag)) !== 0)
      wrong('its record is no entry any more');
    const valueAt = recordValueOffset(first, 0);
    const length = valueAt + recordHead.field.valueBytes.get(first, 0);
    for (const copy of this.#copiesUp(primary)) {
      const other = this.#record(primary, copy, slot, sizeClass);
      if (other.some((byte, i) => i < length && byte !== first[i])) wrong(`copy ${copy} differs`);
      const lock = decodeLock(this.#word(this.#geometry.slot(primary, copy, slot)));
      if (lock.state !== lockState.idle || lock.generation !== generation) {
        wrong(`the lock word of copy ${copy} is not idle in life ${generation}`);
      }
    }
    const key = keyIn(first);
    const { home, other, fingerprint } = placeOf(key, this.#geometry.sizing.buckets);
    const inPlace = named.bucket === home || named.bucket === other;
    if (
      !inPlace ||
      named.fingerprint !== fingerprint ||
      this.#geometry.primaryOf(key) !== primary
    ) {
      wrong(`key ${JSON.stringify(key.text)} is not looked for there`);
    }
    if (this.#keys.has(key.text)) wrong(`key ${JSON.stringify(key.text)} has two entries`);
    this.#keys.add(key.text);
    this.#entries.push({ key: key.text, version, value: first.slice(valueAt, length) });
  }

  /** Copies but the first, on memory nodes that are there. */
  #copiesUp(primary: number): number[] {
    const { memoryNodes, replicas } = this.#geometry;
    return Array.from({ length: replicas - 1 }, (_, i) => i + 1).filter((copy) =>
      this.#image.isUp(this.#geometry.holder((primary + copy) % memoryNodes)),
    );
  }

  #record(primary: number, copy: number, slot: number, { capacityBytes }: SizeClass): Uint8Array {
    return this.#bytes(this.#geometry.slot(primary, copy, slot) + lockBytes, capacityBytes);
  }

  #word(address: Address): bigint {
    return loadWord(this.#bytes(address, 8), 0);
  }

  #bytes(address: Address, lengthBytes: number): Uint8Array {
    const bytes = new Uint8Array(lengthBytes);
    if (lengthBytes > 0) this.#image.read(address, bytes);
    return bytes;
  }
}
