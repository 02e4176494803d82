import { expect, test } from 'vitest';
import {
  type ChoiceRules,
  choiceKind,
  kindOf,
  TaskNames,
  World,
  WorldMemory,
} from '../../sim/explore/index.ts';
import { globalAddress } from '../../src/core/address.ts';
import { atAnyTime, type Program, post, sleep, until, writeWord } from '../../src/core/effect.ts';
import { plainCluster } from '../support/sim.ts';

const memoryNode = 0;
const computeNode = 1;

function openWorld(rules: Partial<ChoiceRules> = {}): World {
  const memory = new WorldMemory(plainCluster({ sizeBytes: 4096 }), 'assumed');
  const world = new World({
    memory,
    names: new TaskNames(),
    durability: 'assumed',
    seed: 1,
    timing: 'bounded',
    verbBoundNs: 1000,
    rules: {
      everyOption: false,
      grain: 'effects',
      earlyTimersMax: Number.POSITIVE_INFINITY,
      clockStands: false,
      faultsAfterSteps: false,
      ...rules,
    },
  });
  world.openNode(computeNode);
  return world;
}

/** Takes the choices that `wanted` picks, first come first, until there are none. */
function takeAll(world: World, wanted: (choice: number) => boolean): void {
  for (let next = world.choices().find(wanted); next !== undefined; ) {
    world.take(next);
    next = world.choices().find(wanted);
  }
}

const isAct = (choice: number): boolean => kindOf(choice) === choiceKind.act;
const isGo = (choice: number): boolean => kindOf(choice) === choiceKind.go;
const isWake = (choice: number): boolean => kindOf(choice) === choiceKind.wake;

test('what a program has posted last acts although it has ended, and holds bounded time up', () => {
  const world = openWorld();
  const word = globalAddress(memoryNode, 0);
  world.start(
    computeNode,
    'answer',
    (function* (): Program {
      yield* post(writeWord(word, 7n));
    })(),
  );
  world.start(
    computeNode,
    'timer',
    (function* (): Program {
      yield* sleep(10_000);
    })(),
  );
  takeAll(world, isGo);
  expect(world.tasks.map(({ name }) => name)).toEqual(['cn0/timer']);
  expect(world.choices().filter(isWake)).toEqual([]);
  takeAll(world, isAct);
  expect(world.memory.low(memoryNode, 0)).toBe(7);
  expect(world.choices().filter(isWake)).toHaveLength(1);
});

test('a program that only looks does not wait for verbs to be over, one that sleeps as long does', () => {
  const world = openWorld({ clockStands: true });
  const start = (label: string, program: Program): void =>
    void world.start(computeNode, label, program);
  start(
    'writer',
    (function* (): Program {
      yield* writeWord(globalAddress(memoryNode, 0), 7n);
    })(),
  );
  start(
    'counts',
    (function* (): Program {
      yield* sleep(1000);
    })(),
  );
  start(
    'looks',
    (function* (): Program {
      yield* atAnyTime(sleep(1000));
    })(),
  );
  takeAll(world, isGo);
  const wakes = (): string[] =>
    world
      .choices()
      .filter(isWake)
      .map((wake) => world.taskOf(wake).name);
  expect(wakes()).toEqual(['cn0/looks']);
  takeAll(world, isAct);
  expect(wakes()).toEqual(['cn0/counts', 'cn0/looks']);
});

test('a program that goes from one sleep to another one as long has gone on, and others look again', () => {
  const world = openWorld();
  const reached: string[] = [];
  let isReady = false;
  world.start(
    computeNode,
    'wait',
    (function* (): Program {
      while (!isReady) yield* sleep(300);
      reached.push('ready');
    })(),
  );
  world.start(
    computeNode,
    'take over',
    (function* (): Program {
      yield* sleep(1000);
      isReady = true;
      yield* sleep(1000);
      reached.push('served');
    })(),
  );
  takeAll(world, (choice) => isWake(choice) || isGo(choice));
  expect(reached.sort()).toEqual(['ready', 'served']);
});

test('whoever waits by the same sleep again need not be woken twice, and goes on when it may', () => {
  const wakesOf = (waiting: (isSo: () => boolean) => Program): number => {
    const world = openWorld();
    let isReady = false;
    let served = false;
    world.tracks = true;
    world.node(computeNode).describe = () => ({ isReady });
    world.start(
      computeNode,
      'wait',
      (function* (): Program {
        yield* waiting(() => isReady);
        served = true;
      })(),
    );
    world.take(world.choices()[0] as number);
    let wakes = 0;
    for (; world.choices().some(isWake); wakes++) world.take(world.choices()[0] as number);
    world.start(
      computeNode,
      'make ready',
      (function* (): Program {
        isReady = true;
      })(),
    );
    takeAll(world, (choice) => isWake(choice) || isGo(choice));
    expect(served).toBe(true);
    return wakes;
  };
  expect(wakesOf((isSo) => until(isSo, 300))).toBe(1);
  const anew = function* (isSo: () => boolean): Program {
    while (!isSo()) yield* sleep(300);
  };
  expect(wakesOf(anew)).toBe(2);
});

test('two programs of one node that wait for nobody do not wake each other for ever', () => {
  const world = openWorld();
  for (const name of ['one', 'other']) {
    world.start(
      computeNode,
      name,
      (function* (): Program {
        for (;;) yield* sleep(100);
      })(),
    );
  }
  for (let steps = 0; world.choices().length > 0; steps++) {
    expect(steps).toBeLessThan(20);
    world.take(world.choices()[0] as number);
  }
});

test('whoever polls its node goes on when the last step of another program has changed it', () => {
  const world = openWorld();
  let isSet = false;
  world.start(
    computeNode,
    'poll',
    (function* (): Program {
      while (!isSet) yield* sleep(100);
    })(),
  );
  world.start(
    computeNode,
    'set',
    (function* (): Program {
      yield* sleep(500);
      isSet = true;
    })(),
  );
  takeAll(world, isGo);
  takeAll(world, (choice) => isWake(choice) || isGo(choice));
  expect(world.foreground).toBe(0);
});
