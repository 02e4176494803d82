import type { FaultKind, Grain } from '../../../sim/explore/index.ts';
import { faultKinds } from '../../../sim/explore/index.ts';
import type { Durability } from '../../core/context.ts';
import { assert, FarsideError } from '../../core/errors.ts';
import { didYouMean } from '../../core/nearest.ts';
import { randomStream } from '../../core/random.ts';
import { refuseStandbys, tooFewMemoryNodes } from '../../systems/assemble.ts';
import type { System } from '../../systems/system.ts';
import { counted } from '../output/format.ts';
import type { ParameterValue } from '../result.ts';
import { promisesMade } from './promises.ts';
import {
  type CheckedOperation,
  type ClientOperation,
  checkedOperations,
  type FaultSpec,
  parseOperations,
  type Scenario,
  shapeOf,
} from './scenario.ts';

/** Those that draw. */
export type DiceName = 'random' | 'pct' | 'slow';
export type SchedulerName = DiceName | 'exhaustive';

/** A scenario as a user gives it: what is left out depends on the system and the scheduler. */
export interface ScenarioDraft {
  readonly system: string;
  readonly scheduler: SchedulerName;
  readonly settings: Readonly<Record<string, ParameterValue>>;
  readonly script: string | undefined;
  readonly clients: number | undefined;
  readonly operations: number | undefined;
  readonly keys: number | undefined;
  readonly computeNodes: number | undefined;
  readonly memoryNodes: number | undefined;
  readonly replicas: number;
  readonly spares: number;
  readonly standbys: number;
  readonly valueWords: number | undefined;
  readonly durability: Durability;
  readonly timing: 'asynchronous' | 'bounded' | undefined;
  readonly faults: string | undefined;
  readonly recovery: boolean;
  readonly recoverers: number;
  readonly linearizable: boolean;
  readonly grain: Grain | undefined;
  /** Infinity: any number. */
  readonly earlyTimers: number | undefined;
  readonly seed: number;
}

/** Keys of a scenario at most, as `--keys` has it. */
export const keysMax = 16;
const smallest = { clients: 2, operations: 2, valueWords: 1 };
const usual = { clients: 3, operations: 4, valueWords: 2 };

export function scenarioOf(draft: ScenarioDraft, system: System): Scenario {
  const isExhaustive = draft.scheduler === 'exhaustive';
  const size = isExhaustive ? smallest : usual;
  const clients = clientsOf(draft, system, size);
  const faults = parseFaults(draft.faults ?? 'crash');
  const memoryNodes = draft.memoryNodes ?? Math.max(draft.replicas, isExhaustive ? 1 : 2);
  refuseCopies(draft, memoryNodes, faults);
  const keys = draft.keys ?? 1 + Math.max(0, ...clients.flat().map(({ key }) => key));
  const scenario: Scenario = {
    system: draft.system,
    settings: { ...fewHandlers(system, isExhaustive), ...draft.settings },
    memoryNodes,
    spares: draft.spares,
    standbys: draft.standbys,
    computeNodes: draft.computeNodes ?? clients.length + Number(isExhaustive && repairs(draft)),
    replicas: draft.replicas,
    durability: draft.durability,
    timing: draft.timing ?? 'asynchronous',
    keys,
    valueWords: draft.valueWords ?? size.valueWords,
    clients,
    faults,
    recovery: draft.recovery,
    recoverers: draft.recoverers,
    linearizable: draft.linearizable,
    grain: draft.grain ?? (isExhaustive ? 'turns' : 'effects'),
    ...(isExhaustive ? bounded(draft.earlyTimers ?? Number.POSITIVE_INFINITY) : {}),
    seed: draft.seed,
  };
  refuseIdleStandbys(system, scenario);
  return draft.timing === undefined
    ? { ...scenario, timing: timingOf(system, scenario) }
    : scenario;
}

/**
 * FARSIDE_USAGE where copies have too few memory nodes, or where none would be left: no promise outlives
 * the last copy, and a verdict that the store lost it would blame the store.
 */
function refuseCopies(draft: ScenarioDraft, memoryNodes: number, faults: readonly FaultSpec[]) {
  const { replicas } = draft;
  const refuse = (message: string): never => {
    throw new FarsideError('FARSIDE_USAGE', message);
  };
  if (replicas > memoryNodes) {
    refuse(`--replicas ${replicas}: ${tooFewMemoryNodes(replicas, memoryNodes)}`);
  }
  const lost = faults.reduce((sum, { kind, count }) => sum + (kind === 'lose' ? count : 0), 0);
  if (lost >= replicas) {
    const copies = replicas === 1 ? 'one copy does' : `${replicas} copies do`;
    refuse(
      `--faults ${draft.faults}: ${copies} not outlive the loss of ` +
        `${counted(lost, 'memory node')}, and nothing promises it: ` +
        (lost < 3 ? `--replicas ${lost + 1}` : 'lose fewer'),
    );
  }
}

/** Any number, infinity, is what a scenario has that says nothing. */
function bounded(earlyTimers: number): Pick<Scenario, 'earlyTimers'> {
  return earlyTimers === Number.POSITIVE_INFINITY ? {} : { earlyTimers };
}

/** A node of its own repairs what others left: on one that has a client, the two would take turns. */
function repairs({ recovery, faults }: ScenarioDraft): boolean {
  return recovery && (faults ?? 'crash').includes('crash');
}

/** Servers default to a dozen handlers, of which two clients keep two busy. */
function fewHandlers(system: System, isExhaustive: boolean): Record<string, ParameterValue> {
  if (!system.parameters.some(({ name }) => name === 'handlers')) return {};
  return { handlers: isExhaustive ? 1 : 2 };
}

function refuseIdleStandbys(system: System, scenario: Scenario): void {
  const shape = shapeOf(scenario);
  const config = system.configure(scenario.settings, shape);
  try {
    refuseStandbys(system, shape, config);
  } catch (cause) {
    if (!(cause instanceof FarsideError)) throw cause;
    const flag = `--standbys ${scenario.standbys}`;
    throw new FarsideError(cause.code, `${flag}: ${cause.message}`, { cause });
  }
}

/** Bounded where the system needs timing bounds for anything that it promises. */
function timingOf(system: System, scenario: Scenario): 'asynchronous' | 'bounded' {
  const shape = shapeOf(scenario);
  const config = system.configure(scenario.settings, shape);
  const needsBounds = promisesMade(system, config, shape).some(
    (promise) =>
      promise.durability === scenario.durability && promise.holds === 'needs timing bounds',
  );
  return needsBounds ? 'bounded' : 'asynchronous';
}

/** The script given, or each client's operations drawn; of a small scenario, each puts and then gets. */
function clientsOf(
  draft: ScenarioDraft,
  system: System,
  size: typeof usual,
): readonly (readonly ClientOperation[])[] {
  if (draft.script !== undefined) return scripted(draft.script, draft.keys);
  const { clients = size.clients, operations = size.operations, keys = 1 } = draft;
  const served = checkedOperations.filter((name) => system.operations.includes(name));
  const usually: CheckedOperation[] = ['put', 'get'];
  const mix = draft.scheduler === 'exhaustive' ? usually : [...usually, ...usually, ...served];
  return Array.from({ length: clients }, (_, client) => {
    const dice = randomStream(draft.seed, `operations of client ${client}`);
    return Array.from({ length: operations }, (__, i): ClientOperation => {
      const drawn = draft.scheduler === 'exhaustive' ? i % mix.length : dice.below(mix.length);
      return { operation: mix[drawn] as CheckedOperation, key: dice.below(keys) };
    });
  });
}

/** The operations written, each on a key that there is. */
function scripted(
  script: string,
  keys: number | undefined,
): readonly (readonly ClientOperation[])[] {
  const clients = script.split('/').map((text) => parseOperations(text, script));
  const last = Math.max(...clients.flat().map(({ key }) => key));
  if (last >= (keys ?? keysMax)) {
    const most = keys === undefined ? `at most ${keysMax} keys` : `--keys ${keys}`;
    throw new FarsideError(
      'FARSIDE_USAGE',
      `--script ${script}: key ${last} is not there with ${most}, which are 0 to ${(keys ?? keysMax) - 1}`,
    );
  }
  return clients;
}

/**
 * `crash`, `crash:2`, `restart@mn0`, `cut@ms0/writes`, `crash,pause:3`; `none` for none. `stageOf` looks
 * whether they can.
 */
function parseFaults(text: string): FaultSpec[] {
  if (text === 'none' || text === '') return [];
  return text.split(',').map((word) => {
    const [, kind = '', count, node, amid] =
      /^([a-z]+)(?::(\d+))?(?:@(\w+))?(?:\/(writes))?$/.exec(word.trim()) ?? [];
    if (!(faultKinds as readonly string[]).includes(kind)) {
      throw new FarsideError(
        'FARSIDE_USAGE',
        `--faults ${text}: ${JSON.stringify(word)} is no fault${didYouMean(kind, faultKinds)} ` +
          `(there are ${faultKinds.join(', ')}; crash:2 is up to two, crash@cn0 is of that node, ` +
          'crash/writes is while a WRITE or an atomic of it is in flight)',
      );
    }
    assert(
      amid === undefined || kind === 'crash' || kind === 'cut',
      () => `--faults ${text}: ${JSON.stringify(word)}: only crash and cut can be amid writes`,
      'FARSIDE_USAGE',
    );
    const spec = { kind: kind as FaultKind, count: count === undefined ? 1 : Number(count) };
    return {
      ...spec,
      ...(node === undefined ? {} : { node }),
      ...(amid === undefined ? {} : { amid: 'writes' }),
    };
  });
}
