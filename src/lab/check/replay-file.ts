import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { faultKinds } from '../../../sim/explore/index.ts';
import { FarsideError } from '../../core/errors.ts';
import { parseJson } from '../../core/json.ts';
import { farsideVersion } from '../package.ts';
import { whyUnreadable } from '../text-file.ts';
import type { Judgement } from './judge.ts';
import { checkedOperations, type Scenario } from './scenario.ts';

const count = z.number().int().min(0);
const scenarioSchema = z.strictObject({
  system: z.string(),
  settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  memoryNodes: count,
  spares: count,
  standbys: count,
  computeNodes: count,
  replicas: count,
  durability: z.enum(['assumed', 'flush']),
  timing: z.enum(['asynchronous', 'bounded']),
  keys: count,
  valueWords: count,
  clients: z.array(z.array(z.strictObject({ operation: z.enum(checkedOperations), key: count }))),
  faults: z.array(
    z.strictObject({
      kind: z.enum(faultKinds),
      count,
      node: z.string().optional(),
      amid: z.literal('writes').optional(),
    }),
  ),
  recovery: z.boolean(),
  recoverers: count,
  linearizable: z.boolean(),
  grain: z.enum(['effects', 'waits', 'turns']),
  earlyTimers: count.optional(),
  seed: z.number().int(),
});

const fileSchema = z.strictObject({
  farside: z.string(),
  scenario: scenarioSchema.refine(
    ({ clients, keys }) => clients.flat().every(({ key }) => key < keys),
    'an operation is on a key that is not there',
  ),
  verdict: z.string(),
  choices: z.array(z.string()),
});

/** A schedule that broke a promise, as it is kept: small, and with all that it takes to run it again. */
export interface ReplayFile {
  readonly farside: string;
  readonly scenario: Scenario;
  /** For people. */
  readonly verdict: string;
  readonly choices: readonly string[];
}

export function replayText(
  scenario: Scenario,
  judgement: Judgement,
  choices: readonly string[],
): string {
  const verdict =
    judgement.kind === 'kept'
      ? 'kept'
      : `${judgement.kind}: ${judgement.promise}: ${judgement.explanation}`;
  const file: ReplayFile = { farside: farsideVersion, scenario, verdict, choices };
  return `${JSON.stringify(file, null, 1)}\n`;
}

/** FARSIDE_INPUT where the file is none, or of another version; FARSIDE_USAGE where it is not there. */
export function readReplayFile(name: string, system: string | undefined): ReplayFile {
  const file = parse(name);
  if (file.farside !== farsideVersion) {
    throw new FarsideError(
      'FARSIDE_INPUT',
      `${name}: a schedule of farside ${file.farside}; this is ${farsideVersion}, in which the same ` +
        'choices may mean something else: run that version, or search again',
    );
  }
  if (system !== undefined && system !== file.scenario.system) {
    throw new FarsideError(
      'FARSIDE_INPUT',
      `${name}: a schedule of system ${file.scenario.system}, not of ${system}: ` +
        `farside check --replay ${name} needs no system`,
    );
  }
  return file;
}

function parse(name: string): ReplayFile {
  let text: string;
  try {
    text = readFileSync(name, 'utf8');
  } catch (cause) {
    throw new FarsideError('FARSIDE_USAGE', `--replay ${name}: ${whyUnreadable(cause)}`, { cause });
  }
  const value = parseJson(text, name);
  const parsed = fileSchema.safeParse(value);
  if (parsed.success) return parsed.data as ReplayFile;
  const [issue] = parsed.error.issues;
  const where = issue?.path.join('.') ?? '';
  throw new FarsideError(
    'FARSIDE_INPUT',
    `${name}: it is no schedule that farside check wrote: ${where === '' ? '' : `at "${where}": `}` +
      `${(issue?.message ?? 'malformed').replace('Invalid input: ', '')}`,
  );
}
