import { expect, test } from 'vitest';
import { RandomScheduler } from '../../sim/explore/index.ts';
import { randomStream } from '../../src/core/random.ts';
import { runSchedule } from '../../src/lab/check/schedule.ts';
import { stageOf } from '../../src/lab/check/stage.ts';
import { direct } from '../../src/systems/direct/index.ts';
import type { System } from '../../src/systems/system.ts';
import { scenario } from '../support/twin-scenarios.ts';

/** Of so many random schedules, those with a cut, and those in which it has left a verb in doubt. */
function cuts(amid: { readonly amid?: 'writes' }): {
  readonly all: number;
  readonly inDoubt: number;
} {
  const chosen = scenario('put get/get put', {
    timing: 'bounded',
    faults: [{ kind: 'cut', count: 1, node: 'cn0', ...amid }],
  });
  const stage = stageOf(chosen, direct as System);
  let [all, inDoubt] = [0, 0];
  for (let seed = 0; seed < 200; seed++) {
    const dice = new RandomScheduler(randomStream(seed, 'schedule'));
    const { session, judgement } = runSchedule(stage, (world, choices) =>
      dice.choose(world, choices),
    );
    expect(judgement.kind).toBe('kept');
    const { world } = session;
    if (world.menu[0]?.budget.left === 0 && world.faults.a !== 0) all++;
    if (world.events.leftInDoubt > 0) inDoubt++;
  }
  return { all, inDoubt };
}

test('a cut amid writes always leaves a verb in doubt, and another one seldom does', () => {
  const aimed = cuts({ amid: 'writes' });
  const any = cuts({});
  expect(aimed.inDoubt).toBeGreaterThan(20);
  expect(aimed.all).toBe(aimed.inDoubt);
  expect(any.all).toBeGreaterThan(1.5 * any.inDoubt);
});
