import type { DiceName } from '../../src/lab/check/draft.ts';
import { parseOperations, type Scenario } from '../../src/lab/check/scenario.ts';
import { type Findings, searchByDice } from '../../src/lab/check/search.ts';
import { stageOf } from '../../src/lab/check/stage.ts';
import type { System } from '../../src/systems/system.ts';

const hooks = { progress: () => undefined, stopped: () => false };

/** Clients by their operations, as `farside check --script` takes them; see that for what is left out. */
export function scenario(script: string, more: Partial<Scenario> = {}): Scenario {
  const clients = script.split('/').map((text) => parseOperations(text, script));
  return {
    system: 'twin',
    settings: {},
    memoryNodes: 2,
    spares: 0,
    standbys: 0,
    computeNodes: clients.length,
    replicas: 1,
    durability: 'assumed',
    timing: 'asynchronous',
    keys: 1,
    valueWords: 2,
    clients,
    faults: [],
    recovery: true,
    recoverers: 1,
    linearizable: false,
    grain: 'effects',
    seed: 1,
    ...more,
  };
}

/** So many schedules of seed 1. */
export interface Budgeted {
  readonly scenario: Scenario;
  /** Random, where none is named. */
  readonly scheduler?: DiceName;
  readonly schedules: number;
}

/** How `farside check` shows a twin. */
export interface Shown extends Budgeted {
  /** The promise that the verdict names. */
  readonly names: string;
}

export function searchFor(system: System, budgeted: Budgeted): Findings {
  const { scenario: chosen, scheduler = 'random', schedules } = budgeted;
  return searchByDice(stageOf(chosen, system), scheduler, chosen.seed, 0, schedules, hooks);
}
