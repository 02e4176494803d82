import { readFileSync } from 'node:fs';
import path from 'node:path';
import { FarsideError } from '../../core/errors.ts';
import { whyUnreadable } from '../text-file.ts';
import { checkSystemSettings, chooseSystems, type LoadSystem } from './choose.ts';
import { type Draft, emptyDraft, merge, type OutputDraft } from './draft.ts';
import { expand, type Plan, withDefaults } from './expand.ts';
import { idleSettings } from './idle.ts';
import { usageError } from './setting.ts';

/** An experiment, fully decided: what to run, and where its results go. */
export interface Experiment {
  /** Names the results' folder. */
  readonly name: string;
  /** What the experiment is for, in the words of its file. */
  readonly description: string | undefined;
  readonly plan: Plan;
  readonly output: OutputDraft;
  /** For the user's eyes: settings that a flag made idle. */
  readonly notes: readonly string[];
}

export interface ExperimentSource {
  /** Undefined: everything comes from flags and defaults. */
  readonly file: string | undefined;
  readonly flags: Draft;
  /** Where neither file nor flags name it. */
  readonly name: string;
}

/**
 * File and flags together, checked as far as possible without opening the workload: every parameter
 * parsed, systems loaded, settings that would do nothing refused. FARSIDE_USAGE carries one line
 * for each thing wrong.
 */
export async function planExperiment(
  source: ExperimentSource,
  load: LoadSystem,
): Promise<Experiment> {
  const inFile = source.file === undefined ? emptyDraft() : await readExperimentFile(source.file);
  const draft = merge(inFile, source.flags);
  if (draft.systems === undefined) {
    throw usageError([`${source.file ?? 'nothing'} names no system: add systems: [clover]`]);
  }
  const systems = await chooseSystems(draft.systems, load);
  const checked = checkSystemSettings(draft, systems);
  const settings = withDefaults(checked.settings);
  const { problems, notes } = idleSettings(new Map(settings.map((s) => [s.path, s])));
  if (problems.length > 0) throw usageError(problems);
  const plan = expand(checked, systems);
  return {
    name: nameOf(draft.name, source),
    description: draft.description,
    plan,
    output: draft.output,
    notes,
  };
}

async function readExperimentFile(file: string): Promise<Draft> {
  // YAML and the schema take a tenth of a second to load, which flags alone need not wait for.
  const { readExperiment } = await import('./file.ts');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const why = whyUnreadable(error);
    throw new FarsideError('FARSIDE_USAGE', `experiment ${file}: ${why}; expected a YAML file`);
  }
  return readExperiment(
    text,
    path.relative('', file).startsWith('..') ? file : path.relative('', file),
  );
}

/** A name becomes a folder below `farside-results`, so it may not lead elsewhere. */
function nameOf(written: string | undefined, source: ExperimentSource): string {
  const name = written ?? source.name;
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name)) return name;
  throw usageError([
    `${source.file ?? 'name'}: name is ${JSON.stringify(name)}: expected up to 100 letters, ` +
      'digits, dots, dashes and underscores',
  ]);
}
