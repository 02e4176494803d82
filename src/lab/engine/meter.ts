import type { Role } from '../../memory/cluster.ts';
import type { SystemStatistics } from '../../systems/system.ts';
import type { KindSums } from '../driver/recorder.ts';
import type { MeasuringWindow } from '../driver/window.ts';
import type { CpuResult, Volume } from '../result.ts';
import { type Part, volumeBetween, volumeOf } from './collect.ts';

/** A node that runs programs: a compute node or a server, over all its starts. */
export interface Member {
  readonly role: Role;
  readonly background: () => Volume;
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

function snapshot({ background, statistics }: Member): Snapshot {
  return { background: volumeOf(background()), events: { ...statistics().events } };
}

/** Where a fabric says how long the cores of each node have worked since the run began. */
export interface CoreClock {
  statistics(): { readonly nodes: readonly NodeCores[] };
}

interface NodeCores {
  readonly role: Role;
  readonly cores: readonly { readonly background: boolean; readonly usefulNs: number }[];
}

/**
 * CPU time by role inside the window. A core of client or server threads polls whenever it does nothing
 * useful. A core for background programs sleeps then and belongs to whoever else needs it, so all that it
 * adds is useful time.
 */
export class CpuMeter {
  readonly #clock: CoreClock;
  #before: readonly NodeCores[] = [];
  #after: readonly NodeCores[] = [];

  constructor(clock: CoreClock) {
    this.#clock = clock;
  }

  start(): void {
    this.#before = this.#clock.statistics().nodes;
  }

  end(): void {
    this.#after = this.#clock.statistics().nodes;
  }

  byRole(durationNs: number): Record<string, CpuResult> {
    const byRole: Record<string, CpuResult> = {};
    for (const [id, { role, cores }] of this.#after.entries()) {
      let sum = byRole[role];
      for (const [i, { background, usefulNs: untilNs }] of cores.entries()) {
        // A program's step is booked as a whole, and may reach beyond the end of the window.
        const usefulNs = Math.min(
          durationNs,
          untilNs - (this.#before[id]?.cores[i]?.usefulNs ?? 0),
        );
        sum = {
          cores: (sum?.cores ?? 0) + (background ? 0 : 1),
          usefulNs: (sum?.usefulNs ?? 0) + usefulNs,
          pollingNs: (sum?.pollingNs ?? 0) + (background ? 0 : durationNs - usefulNs),
        };
      }
      if (sum !== undefined) byRole[role] = sum;
    }
    return byRole;
  }
}
