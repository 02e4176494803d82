import { type Address, nodeOf } from '../../core/address.ts';
import { type Program, read } from '../../core/effect.ts';
import { nothingRecovered, type RecoveryReport, sumOfReports } from '../recovery.ts';
import type { Coordinator } from './coordinator.ts';
import { isOnOneOf, pad } from './rebuild.ts';
import type { FoundRecord } from './scan.ts';
import { isRecordOf } from './stored-record.ts';

/**
 * Gives every record that a take-over has chosen as many copies as the store keeps, or as there are memory
 * nodes for; before any other record of its key is made invalid.
 *
 * A put of 2 over 1, which was acknowledged, is cut off when one of two copies of 2 is whole. 2 must be
 * chosen: it looks like a put that was acknowledged and has lost its other copy with a memory node since. But
 * it stands on one memory node, and 1 on two. If 1 were made invalid now, and that one node then lost, both
 * would be gone, though all but one copy of what was acknowledged may be lost. Hence 1 stays until 2 stands
 * on two.
 *
 * Where the last copy of 2 is lost before, 1 is chosen instead. That takes nothing back. Either 2 has never
 * stood on all its memory nodes: then the map never named it, so nobody was told that it is there, and
 * nobody has read it. Or it has, and they are all lost: then the promise of its put has ended, and 1 is the
 * best there is. Nothing has been served in between, since a choice is made known only by what comes after.
 * A delete that was cut off while it made 2 invalid was not acknowledged either, and until 2 is gone
 * everywhere it has left no older record of the key; then there is nothing else to choose, and it is done.
 *
 * The choice is made among what the scan has found. All who could write since are fenced; what a memory node
 * has lost since (by starting anew, in `dram`) shows when it is read again.
 */
export class Securing {
  readonly #coordinator: Coordinator;
  readonly #byKey = new Map<string, FoundRecord[]>();

  /** The coordinator's table holds what was chosen among `found`. */
  constructor(coordinator: Coordinator, found: readonly FoundRecord[]) {
    this.#coordinator = coordinator;
    for (const record of found) {
      const others = this.#byKey.get(record.key);
      if (others === undefined) this.#byKey.set(record.key, [record]);
      else others.push(record);
    }
  }

  *run(): Program<RecoveryReport> {
    const { relocation } = this.#coordinator;
    let report = nothingRecovered;
    // What is short of copies after that, and is not chosen again, is so for want of room; keeping older
    // records makes none.
    for (let goesOn = true; goesOn && this.#short().length > 0; ) {
      report = sumOfReports(report, yield* relocation.complete());
      goesOn = false;
      for (const entry of this.#short()) goesOn = (yield* this.#chooseAgain(entry)) || goesOn;
    }
    return report;
  }

  /** Entries that have fewer copies than there are memory nodes to hold one. */
  #short(): number[] {
    const { table, nodes } = this.#coordinator;
    const enough = Math.max(1, Math.min(table.replicas, nodes.members.length));
    return [...table.liveEntries()].filter((entry) => this.#there(entry).length < enough);
  }

  #there(entry: number): Address[] {
    const { table, nodes } = this.#coordinator;
    return table.addresses(entry).filter((at) => at > 0 && nodes.status(nodeOf(at)) !== 'left');
  }

  /** False where a copy of what was chosen can still be read. */
  *#chooseAgain(entry: number): Program<boolean> {
    const { table, nodes } = this.#coordinator;
    const key = table.keyOf(entry);
    const sequence = table.sequence[entry] as number;
    const recordBytes = table.recordBytes[entry] as number;
    for (const address of this.#there(entry)) {
      if (yield* this.#isWhole({ address, sequence, recordBytes }, key)) return false;
    }
    const newestFirst = (this.#byKey.get(String.fromCharCode(...key)) ?? [])
      .filter(({ address }) => nodes.status(nodeOf(address)) !== 'left')
      .sort((a, b) => b.sequence - a.sequence);
    const whole: FoundRecord[] = [];
    for (const record of newestFirst) {
      if (whole.length > 0 && record.sequence !== whole[0]?.sequence) break;
      if (!isOnOneOf(whole, record) && (yield* this.#isWhole(record, key))) whole.push(record);
    }
    this.#setEntry(entry, whole);
    return true;
  }

  *#isWhole(
    { address, sequence, recordBytes }: Omit<FoundRecord, 'key' | 'classIndex'>,
    key: Uint8Array,
  ): Program<boolean> {
    const bytes = new Uint8Array(recordBytes);
    const { nodes } = this.#coordinator;
    const there = yield* nodes.surely(nodeOf(address), () => [read(address, bytes)]);
    return there && isRecordOf(bytes, key, sequence, true);
  }

  /** Without any record the key is gone. */
  #setEntry(entry: number, records: readonly FoundRecord[]): void {
    const { table, events } = this.#coordinator;
    const [first] = records;
    events.choicesRevised++;
    table.setAddresses(entry, pad(records, table.replicas));
    table.sequence[entry] = first?.sequence ?? 0;
    table.recordBytes[entry] = first?.recordBytes ?? 0;
    table.moves[entry] = 0;
    table.live[entry] = first === undefined ? 0 : 1;
    table.dropIfUnused(entry);
  }
}
