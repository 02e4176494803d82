import type { NodeRuntime } from '../../fabric/fabric.ts';
import type { ClusterMap, Role } from '../../memory/cluster.ts';
import type { SystemStatistics } from '../../systems/system.ts';
import type { KindSums } from '../driver/recorder.ts';
import type { MeasuringWindow } from '../driver/window.ts';
import type { CpuResult, Volume } from '../result.ts';
import { type Part, volumeBetween, volumeOf } from './collect.ts';

/** A node that runs programs: a compute node or a server. */
export interface Member {
  readonly role: Role;
  readonly runtime: NodeRuntime;
  /** Asked each time: a system may answer with a snapshot. */
  readonly statistics: () => SystemStatistics;
}

/** What one node counted inside the measuring window, of counters that run on outside it. */
export class Meter {
  readonly #member: Member;
  #before: Snapshot;
  #after: Snapshot;

  constructor(member: Member) {
    this.#member = member;
    this.#before = snapshot(member);
    this.#after = this.#before;
  }

  start(): void {
    this.#before = snapshot(this.#member);
  }

  end(): void {
    this.#after = snapshot(this.#member);
  }

  part(
    window: Pick<MeasuringWindow, 'startNs' | 'endNs'>,
    kinds: readonly KindSums[],
    skippedLines: number,
  ): Part {
    const { role } = this.#member;
    const { metadataBytes, remote } = this.#member.statistics();
    const events: Record<string, number> = {};
    for (const [name, count] of Object.entries(this.#after.events)) {
      events[name] = count - (this.#before.events[name] ?? 0);
    }
    return {
      role: role as Part['role'],
      kinds,
      startNs: window.startNs,
      endNs: window.endNs,
      background: volumeBetween(this.#before.background, this.#after.background),
      events,
      metadataBytes,
      remote,
      skippedLines,
    };
  }
}

interface Snapshot {
  readonly background: Volume;
  readonly events: Readonly<Record<string, number>>;
}

function snapshot({ runtime, statistics }: Member): Snapshot {
  return { background: volumeOf(runtime.background), events: { ...statistics().events } };
}

/** Where a fabric says how long the cores of a node have worked. */
export interface BusyClock {
  /** Nanoseconds of useful work of all cores of a node since the run began. */
  busyNs(node: number): number;
}

/** Useful CPU time by role inside the window; the rest of a polling core's time is polling. */
export class CpuMeter {
  readonly #clock: BusyClock;
  readonly #cluster: ClusterMap;
  #before: readonly number[] = [];
  #after: readonly number[] = [];

  constructor(clock: BusyClock, cluster: ClusterMap) {
    this.#clock = clock;
    this.#cluster = cluster;
  }

  start(): void {
    this.#before = this.#read();
  }

  end(): void {
    this.#after = this.#read();
  }

  byRole(durationNs: number): Record<string, CpuResult> {
    const byRole: Record<string, CpuResult> = {};
    for (const { id, role, cores } of this.#cluster.nodes) {
      if (cores === 0) continue;
      const soFar = byRole[role] ?? { cores: 0, usefulNs: 0, pollingNs: 0 };
      const usefulNs = (this.#after[id] ?? 0) - (this.#before[id] ?? 0);
      byRole[role] = {
        cores: soFar.cores + cores,
        usefulNs: soFar.usefulNs + usefulNs,
        pollingNs: soFar.pollingNs + Math.max(0, cores * durationNs - usefulNs),
      };
    }
    return byRole;
  }

  #read(): number[] {
    return this.#cluster.nodes.map(({ id, cores }) => (cores === 0 ? 0 : this.#clock.busyNs(id)));
  }
}
