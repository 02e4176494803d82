import { describe, expect, test } from 'vitest';
import { expectSound, faultSettings, faultShape } from '../../../test/support/clover-faults.ts';
import { SimStore } from '../../../test/support/sim-store.ts';
import { type Address, nodeOf } from '../../core/address.ts';
import {
  effectKind,
  type Program,
  sleep,
  spawn,
  type Verb,
  verbOp,
  verbStatus,
} from '../../core/effect.ts';
import { keyOf } from '../../core/key.ts';
import type { System } from '../system.ts';
import type { CloverConfig } from './config.ts';
import { system } from './index.ts';
import type { MetadataServer } from './metadata/server.ts';
import type { CloverNode } from './node.ts';
import { LostError } from './recovery/servers.ts';

const victim = 1;
const keys = Array.from({ length: 8 }, (_, i) => keyOf(`key${i}`));

/** WRITEs of bytes by a server to one memory node: of some batches nothing is heard, and they act late. */
class Losses {
  readonly late: { readonly at: Address; readonly bytes: Uint8Array }[] = [];
  /** By number from now on, which such batches are lost. */
  due: ReadonlySet<number> = new Set();
  #batches = 0;

  *of(program: Program<unknown>): Program<undefined> {
    for (let step = program.next(); step.done !== true; step = program.next()) {
      const effect = step.value;
      if (effect.kind === effectKind.spawn) yield spawn(this.of(effect.program), effect.label);
      else if (effect.kind !== effectKind.batch || !this.#isLost(effect.verbs)) yield effect;
    }
    return undefined;
  }

  #isLost(verbs: readonly Verb<unknown>[]): boolean {
    const writes = verbs.filter(({ op, buffer, address }) => {
      return op === verbOp.write && buffer !== undefined && nodeOf(address) === victim;
    });
    if (writes.length === 0 || !this.due.has(++this.#batches)) return false;
    for (const { address, buffer } of writes) {
      this.late.push({ at: address, bytes: (buffer as Uint8Array).slice() });
    }
    for (const verb of verbs) verb.status = verbStatus.unknown;
    return true;
  }
}

function losing(losses: Losses): System<CloverConfig> {
  return {
    ...system,
    openServer(...opening) {
      const server = system.openServer(...opening) as MetadataServer;
      const programs = server.programs.map((program) => losses.of(program));
      return Object.assign(server, { programs });
    },
  };
}

/** Told again until it is done, as whoever watches the cluster does. */
function* recover(node: CloverNode): Program<void> {
  for (;;) {
    try {
      yield* node.recover({ kind: 'memoryRestarted', node: victim, start: 1 });
      return;
    } catch (error) {
      if (!(error instanceof LostError)) throw error;
      yield* sleep(10_000);
    }
  }
}

function putAll(store: SimStore, node: number, byte: number): void {
  store.run(
    keys.map((key) => ({
      node,
      program: (client) => client.put(key, new Uint8Array(200).fill(byte)),
    })),
  );
}

function* firstBytes(store: SimStore, node: number): Generator<number | undefined> {
  for (const key of keys) {
    const into = new Uint8Array(400);
    store.run([{ node, program: (client) => client.get(key, into) }]);
    yield new Set(into.subarray(0, 200)).size === 1 ? into[0] : undefined;
  }
}

describe.each([
  ['its first batch', [1]],
  ['its second one', [2]],
  ['its first and third ones', [1, 3]],
  ['its first three', [1, 2, 3]],
])('WRITEs of a rebuild are lost, and act when clients have gone on: %s', (_, due) => {
  test.each([2, 3])('no acknowledged put is taken back (%i copies)', (replicas) => {
    const losses = new Losses();
    const store = new SimStore(
      losing(losses) as System,
      { ...faultShape, medium: 'dram', replicas, keysMax: 16 },
      { settings: { ...faultSettings, retireBatch: 16, retireIntervalNs: 50_000 } },
    );
    store.run([
      {
        *program(client) {
          for (const key of keys) yield* client.insert(key, new Uint8Array(200).fill(1));
        },
      },
    ]);
    putAll(store, 0, 2);
    store.settle();
    store.sim.crashMemory(victim);
    store.sim.restartMemory(victim);
    losses.due = new Set(due);
    for (const n of [0, 1, 2]) store.start(n, recover(store.systemNodes[n] as CloverNode));
    store.sim.run();
    expect(losses.late.length).toBeGreaterThan(0);
    const land = (): void => {
      for (const { at, bytes } of losses.late) store.sim.place(at, bytes);
    };
    for (let byte = 3; byte < 40; byte++) {
      putAll(store, byte % 2, byte);
      if (byte === 3 || byte === 39) land();
      if (byte > 3 && byte < 39) continue;
      for (const node of [2, 0]) expect([...firstBytes(store, node)]).toEqual(keys.map(() => byte));
    }
    store.settle();
    expectSound(store.audit());
  });
});
