import { FarsideError } from '../../src/core/errors.ts';
import type { System, SystemParameter } from '../../src/systems/system.ts';

/** A system that only knows its name, operations and parameters: enough to plan an experiment. */
export function plannedSystem(name: string, parameters: readonly SystemParameter[] = []): System {
  return {
    name,
    summary: `${name}, for tests of planning`,
    operations: ['insert', 'get', 'put', 'delete'],
    roundTrips: 'none',
    promises: [],
    parameters,
    configure: () => ({}),
    layout: refuse,
    openNode: refuse,
    openServer: refuse,
  };
}

function refuse(): never {
  throw new Error('a planned system does not run');
}

export const cursorsMax: SystemParameter = {
  name: 'cursorsMax',
  type: 'integer',
  minimum: 0,
  default: 1_000_000,
  summary: 'cursors a compute node keeps',
};

export const policy: SystemParameter = {
  name: 'cursorPolicy',
  type: 'choice',
  choices: ['fifo', 'lru'],
  default: 'fifo',
  summary: 'which cursor goes first',
};

const planned = new Map(
  [
    plannedSystem('direct'),
    plannedSystem('central'),
    plannedSystem('clover', [cursorsMax, policy]),
  ].map((system) => [system.name, system]),
)
  .set('./stores/mine.js', plannedSystem('own', [cursorsMax]))
  .set('./stores/twin.js', plannedSystem('own'))
  .set('./stores/odd.js', plannedSystem('cluster'));

export async function loadPlanned(name: string): Promise<System> {
  const system = planned.get(name);
  if (system === undefined) throw new FarsideError('FARSIDE_USAGE', `there is no system ${name}`);
  return system;
}
