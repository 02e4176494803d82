import { system as central } from './central/index.ts';
import { system as clover } from './clover/index.ts';
import { system as direct } from './direct/index.ts';
import type { System } from './system.ts';

/** The systems that farside ships, by name, in the order in which reports show them. */
export const builtInSystems: ReadonlyMap<string, System> = new Map(
  [direct as System, central as System, clover as System].map((system) => [system.name, system]),
);
