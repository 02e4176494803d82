import type { PlannedFault } from '../faults/plan.ts';
import { systemLabel } from '../output/names.ts';
import { isSystemSetting } from './parameters.ts';
import type { Origin, Setting } from './setting.ts';

/**
 * What one source (an experiment file, or the flags) says, before defaults. Two drafts make an
 * experiment: the file's, and on top of it the flags'.
 */
export interface Draft {
  readonly name: string | undefined;
  readonly description: string | undefined;
  readonly systems: readonly NamedSystem[] | undefined;
  /** In the order written: the first axis is the outermost of the sweep. */
  readonly settings: readonly Setting[];
  readonly seeds: readonly number[] | undefined;
  /** Run this many seeds, from the first one on. */
  readonly seedCount: number | undefined;
  readonly faults: readonly WrittenFault[];
  readonly output: OutputDraft;
}

export interface NamedSystem {
  /** As written: `clover`, or the path of a module. */
  readonly name: string;
  readonly origin: Origin;
}

/** A fault and where it was written. */
export interface WrittenFault {
  readonly fault: PlannedFault;
  readonly origin: Origin;
}

export const plotFormats = ['png', 'svg'] as const;
export const outputFormats = ['table', 'json', 'ycsb'] as const;

export interface OutputDraft {
  readonly dir: string | undefined;
  readonly format: (typeof outputFormats)[number] | undefined;
  readonly plots: (typeof plotFormats)[number] | undefined;
}

export function emptyDraft(): Draft {
  return {
    name: undefined,
    description: undefined,
    systems: undefined,
    settings: [],
    seeds: undefined,
    seedCount: undefined,
    faults: [],
    output: { dir: undefined, format: undefined, plots: undefined },
  };
}

/**
 * `over` wins, parameter by parameter; an axis keeps the place in the sweep that `under` gave it.
 * Where `over` names other systems, settings of those it left out go with them. Faults add up.
 */
export function merge(under: Draft, over: Draft): Draft {
  const settings = new Map<string, Setting>();
  const kept = under.settings.filter(({ path }) => isWanted(path, over.systems));
  for (const setting of [...kept, ...over.settings]) settings.set(setting.path, setting);
  const seeds = over.seeds ?? under.seeds;
  // `--seed 7` alone replaces all that a file says about seeds, its `seeds: 5` included.
  const seedCount = over.seedCount ?? (over.seeds === undefined ? under.seedCount : undefined);
  return {
    name: over.name ?? under.name,
    description: over.description ?? under.description,
    systems: over.systems ?? under.systems,
    settings: [...settings.values()],
    seeds,
    seedCount,
    faults: [...under.faults, ...over.faults],
    output: {
      dir: over.output.dir ?? under.output.dir,
      format: over.output.format ?? under.output.format,
      plots: over.output.plots ?? under.output.plots,
    },
  };
}

function isWanted(path: string, systems: readonly NamedSystem[] | undefined): boolean {
  if (systems === undefined || !isSystemSetting(path)) return true;
  const owner = path.slice(0, path.lastIndexOf('.'));
  return systems.some(({ name }) => name === owner || systemLabel(name) === owner);
}
