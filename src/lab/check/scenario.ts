import type { FaultKind, Grain } from '../../../sim/explore/index.ts';
import type { Durability } from '../../core/context.ts';
import { assert } from '../../core/errors.ts';
import type { StoreShape } from '../../systems/system.ts';
import type { ParameterValue } from '../result.ts';

export const checkedOperations = ['insert', 'get', 'put', 'delete'] as const;
export type CheckedOperation = (typeof checkedOperations)[number];

export interface ClientOperation {
  readonly operation: CheckedOperation;
  /** Index of the key. */
  readonly key: number;
}

/** Everything that decides a run but its schedule: plain data, as it stands in a replay file. */
export interface Scenario {
  /** A built-in name, or the path of a module. */
  readonly system: string;
  readonly settings: Readonly<Record<string, ParameterValue>>;
  readonly memoryNodes: number;
  readonly spares: number;
  readonly standbys: number;
  readonly computeNodes: number;
  readonly replicas: number;
  readonly durability: Durability;
  /** Whether timers respect the bound on verbs; see docs/verification.md. */
  readonly timing: 'asynchronous' | 'bounded';
  readonly keys: number;
  /** Words of 8 bytes in each value. */
  readonly valueWords: number;
  /** Client i runs on compute node i mod `computeNodes`. */
  readonly clients: readonly (readonly ClientOperation[])[];
  readonly faults: readonly FaultSpec[];
  /** Survivors are told of faults, and repair; else only safety among them can be checked. */
  readonly recovery: boolean;
  /** How many survivors repair what a lost compute node left, all at once. */
  readonly recoverers: number;
  /** Gets must be fresh, even where the system does not promise it. */
  readonly linearizable: boolean;
  /** Where programs of one node may overtake each other. */
  readonly grain: Grain;
  /**
   * Of exhaustive search: timers that fire, in one schedule, while anything else could happen; absent: any
   * number. Those that nothing else could precede are not counted.
   */
  readonly earlyTimers?: number;
  /** Decides the dice of the system's own programs (back-off, choice of handler). */
  readonly seed: number;
}

/** Up to `count` faults of one kind, each of any node that it can befall (or of the one named). */
export interface FaultSpec {
  readonly kind: FaultKind;
  readonly count: number;
  readonly node?: string;
  /** Of a node that runs programs, only while it has a WRITE or an atomic in flight. */
  readonly amid?: 'writes';
}

/** How long a `pause` is: longer than anything rests in the systems that farside ships. */
export const pauseNs = 10_000_000;
export const verbBoundNs = 1000;
export const keyBytes = 8;
/** So that a recovery which scans the store has little to read. */
const slotsPerClaim = 4;

/** `put0 get0` or `put get`: operations of one client, with the key's index where it is not 0. */
export function parseOperations(text: string, script: string): ClientOperation[] {
  return text
    .trim()
    .split(/[\s,]+/)
    .map((word) => {
      const [, operation = '', key = '0'] = /^([a-z]+)(\d*)$/.exec(word) ?? [];
      assert(
        (checkedOperations as readonly string[]).includes(operation),
        () =>
          `--script ${script}: ${JSON.stringify(word)} is no operation: expected ` +
          `${checkedOperations.join(', ')}, and behind it the key's number where it is not 0`,
        'FARSIDE_USAGE',
      );
      return { operation: operation as CheckedOperation, key: Number(key === '' ? '0' : key) };
    });
}

export function operationsText(operations: readonly ClientOperation[]): string {
  return operations.map(({ operation, key }) => `${operation}${key === 0 ? '' : key}`).join(' ');
}

export function shapeOf(scenario: Scenario): StoreShape {
  const { clients, computeNodes, valueWords } = scenario;
  const keysMax = Math.max(1, scenario.keys);
  return {
    memoryNodes: scenario.memoryNodes,
    spares: scenario.spares,
    standbys: scenario.standbys,
    computeNodes,
    clientsPerNode: Math.max(1, Math.ceil(clients.length / computeNodes)) + 1,
    outstanding: 1,
    replicas: scenario.replicas,
    keysMax,
    keyBytesMax: keyBytes,
    valueBytesMax: valueWords * 8,
    valueBytesMean: valueWords * 8,
    medium: 'pm',
    slotsPerClaim,
    memoryBytes: undefined,
  };
}
