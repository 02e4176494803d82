import type { NodeRuntime } from '../../fabric/fabric.ts';
import type { Role } from '../../memory/cluster.ts';
import type { SystemStatistics } from '../../systems/system.ts';
import type { Volume } from '../result.ts';
import { sumEvents, sumVolumes } from './collect.ts';
import type { Member } from './meter.ts';

/**
 * All starts of one compute node, or of one server wherever it ran: counters add up, and what is held
 * is what the present start holds.
 */
export class Starts implements Member {
  readonly role: Role;
  readonly #all: Start[] = [];

  constructor(role: Role) {
    this.role = role;
  }

  add(runtime: NodeRuntime, statistics: () => SystemStatistics): void {
    this.#all.push({ runtime, statistics });
  }

  readonly background = (): Volume =>
    sumVolumes(this.#all.map(({ runtime }) => runtime.background));

  readonly statistics = (): SystemStatistics => {
    const all = this.#all.map(({ statistics }) => statistics());
    const present = all.at(-1) as SystemStatistics;
    if (all.length === 1) return present;
    // By name: statistics may have getters on their class, which a spread would leave behind.
    const { metadataBytes, remote } = present;
    return { events: sumEvents(all), metadataBytes, remote };
  };
}

interface Start {
  readonly runtime: NodeRuntime;
  readonly statistics: () => SystemStatistics;
}
