import { z } from 'zod';
import { FarsideError } from '../../core/errors.ts';
import { parseJson } from '../../core/json.ts';
import { type ExperimentResult, resultVersion } from '../result.ts';

/**
 * The schema of `results.json`. It mirrors src/lab/result.ts, which explains every field; the
 * type check at the end of this file fails where the two differ.
 */
const count = z.int().nonnegative();
const amount = z.number().nonnegative();
const parameterValue = z.union([z.string(), z.number(), z.boolean()]);
const parameters = z.record(z.string(), parameterValue);

const latencyResult = z.strictObject({
  count,
  min: amount,
  mean: amount,
  p50: amount,
  p90: amount,
  p95: amount,
  p99: amount,
  p999: amount,
  max: amount,
  histogram: z.string().describe('HdrHistogram V2, compressed, base64'),
});

const operationResult = z.strictObject({
  count,
  failed: count,
  notFound: count,
  corrupt: count,
  latencyNs: latencyResult,
  intendedLatencyNs: latencyResult.optional().describe('open loop: from the intended start'),
  roundTrips: z.strictObject({ mean: amount, min: count, max: count }),
  roundTripCounts: z.array(count).describe('operations by number of round trips'),
  verbs: amount.describe('mean per operation'),
  doorbells: amount.describe('mean per operation'),
  bytesOut: amount.describe('mean per operation'),
  bytesIn: amount.describe('mean per operation'),
});

const cpuResult = z.strictObject({ cores: count, usefulNs: amount, pollingNs: amount });

const memoryNodeResult = z.strictObject({
  node: z.string(),
  at: z.string(),
  cpuNs: amount.describe('of its process, from before the nodes connect to after the last verb'),
  connectingNs: amount.describe('the part of it until all nodes were connected'),
});

const nodeProcessResult = z.strictObject({
  node: z.string(),
  host: z.string(),
  pid: count,
  clockOffsetNs: z.number(),
  clockErrorNs: amount.describe('how far its times may be wrong'),
});

const faultResult = z.strictObject({
  text: z.string().describe('the sentence of the plan'),
  atNs: amount.optional().describe('since the clients began; absent: it did not happen'),
  timeToRecoverNs: amount.optional(),
  timeToServeNs: amount.optional(),
  operationsFailed: count,
  operationsUnknown: count,
  clientsNeverServed: count,
  recoveries: count,
  recoveryRetries: count,
  locksBroken: count,
  entriesRepaired: count,
  buffersReclaimed: count,
  bytesMoved: count,
  recoveryVerbs: count,
  recoveryBytesOut: count,
  recoveryBytesIn: count,
});

const faultsResult = z.strictObject({
  faults: z.array(faultResult),
  operationsFailed: count,
  operationsUnknown: count.describe('of those, the ones that may have taken effect'),
  programsEnded: count,
  served: z
    .strictObject({ fromNs: amount, intervalNs: amount, operations: z.array(count) })
    .describe('operations that ended without an error, by interval, since the clients began'),
});

const runResult = z.strictObject({
  system: z.string(),
  fabric: z.string(),
  profile: z.string().optional().describe('cost model; absent where time is real'),
  durability: z.string().describe('what the run was in, which may be less than was asked for'),
  flushedBy: z.enum(['FLUSH', 'READ']).optional().describe('absent in durability assumed'),
  durabilityBecause: z
    .string()
    .optional()
    .describe('absent where durability is what was asked for'),
  workload: z.string(),
  workloadSummary: z.string().optional().describe('mix, distribution, records, values'),
  seed: z.int(),
  point: parameters.describe('the value of every axis at this point'),
  parameters: parameters.describe('all parameters of the run, defaults included'),
  durationNs: amount,
  operations: count,
  throughputOpsPerS: amount,
  perOperation: z.record(z.string(), operationResult),
  background: z.strictObject({
    verbs: amount,
    doorbells: amount,
    bytesOut: amount,
    bytesIn: amount,
  }),
  cpu: z.record(z.string(), cpuResult).describe('by role'),
  memory: z.strictObject({
    dataBytes: amount,
    metadataBytes: amount,
    computeMetadataBytes: amount,
    serverMetadataBytes: amount,
  }),
  cost: z.strictObject({ capexUsd: amount, energyMicrojoulePerOperation: amount }),
  faults: faultsResult.optional().describe('absent where nothing was planned to go wrong'),
  memoryNodes: z.array(memoryNodeResult).optional().describe('memory nodes that are processes'),
  processes: z.array(nodeProcessResult).optional().describe('other nodes that are processes'),
  events: z.record(z.string(), z.number()),
  eventHash: z.string().optional().describe('simulator only'),
  verbs: count,
  wallClockNs: amount,
  skippedLines: count,
});

const failedRun = z.strictObject({
  system: z.string(),
  fabric: z.string(),
  seed: z.int(),
  point: parameters.describe('the value of every axis at this point'),
  code: z.string().optional().describe('a stable error code; absent for unexpected errors'),
  message: z.string(),
});

export const experimentResultSchema = z.strictObject({
  resultVersion: z.literal(resultVersion),
  farsideVersion: z.string(),
  name: z.string(),
  description: z
    .string()
    .optional()
    .describe('what the experiment is for, in the words of its file'),
  commandLine: z.array(z.string()),
  host: z.strictObject({
    node: z.string(),
    platform: z.string(),
    cpuModel: z.string(),
    cores: count,
    memoryBytes: amount,
  }),
  startedAt: z.iso.datetime(),
  partial: z.boolean(),
  axes: z.array(z.strictObject({ path: z.string(), values: z.array(parameterValue) })),
  seeds: z.array(z.int()),
  runs: z.array(runResult),
  failures: z.array(failedRun).describe('runs that ended with an error'),
});

/** The JSON Schema of `results.json`, for editors and for readers in other languages. */
export function resultJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(experimentResultSchema, { io: 'input' });
}

export function serializeResult(result: ExperimentResult): string {
  return `${JSON.stringify(result, undefined, 2)}\n`;
}

/** Reads `results.json`; `source` is its name in messages. FARSIDE_INPUT where it is none. */
export function parseResult(text: string, source: string): ExperimentResult {
  const json = parseJson(text, source, 1, '; expected a results.json');
  const version = (json as { resultVersion?: unknown } | null)?.resultVersion;
  if (typeof version === 'number' && version !== resultVersion) {
    throw new FarsideError(
      'FARSIDE_INPUT',
      `${source}: results of version ${version}, and this farside reads version ` +
        `${resultVersion}: use the farside that wrote them`,
    );
  }
  const parsed = experimentResultSchema.safeParse(json);
  if (parsed.success) return parsed.data as ExperimentResult;
  const issue = parsed.error.issues[0]!;
  const where = issue.path.length === 0 ? 'the whole file' : issue.path.join('.');
  const more = parsed.error.issues.length - 1;
  throw new FarsideError(
    'FARSIDE_INPUT',
    `${source}: ${where}: ${issue.message}${more === 0 ? '' : `, and ${more} more`}; ` +
      'expected a results.json written by farside',
  );
}

// Both directions, with keys that may be undefined made optional, as JSON has them.
type Json<T> = T extends readonly (infer E)[]
  ? Json<E>[]
  : T extends object
    ? { [K in keyof T as undefined extends T[K] ? never : K]: Json<T[K]> } & {
        [K in keyof T as undefined extends T[K] ? K : never]?: Json<T[K]>;
      }
    : T;
type Schema = z.infer<typeof experimentResultSchema>;
type Mutable<T> = T extends object ? { -readonly [K in keyof T]: Mutable<T[K]> } : T;
type Assignable<A extends B, B> = A;
export type SchemaCoversResult = Assignable<Mutable<Json<ExperimentResult>>, Mutable<Schema>>;
export type ResultCoversSchema = Assignable<Mutable<Schema>, Mutable<Json<ExperimentResult>>>;
