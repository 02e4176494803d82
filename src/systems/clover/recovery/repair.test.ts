import { describe, expect, test } from 'vitest';
import { faultSettings, faultShape } from '../../../../test/support/clover-faults.ts';
import { SimStore } from '../../../../test/support/sim-store.ts';
import { nodeOf } from '../../../core/address.ts';
import {
  cas,
  type Effect,
  effectKind,
  type Program,
  type Verb,
  VerbError,
  verbOp,
  verbStatus,
} from '../../../core/effect.ts';
import { storeWord } from '../../../core/word.ts';
import { system } from '../index.ts';
import type { CloverLayout } from '../layout.ts';
import type { MetadataServer } from '../metadata/server.ts';
import { Sweep } from '../metadata/sweep.ts';
import type { CloverNode } from '../node.ts';
import { type Reference, reference, tailLow, versionOf } from '../pointer.ts';
import { linkWord } from '../replicated-put.ts';
import { type Repairer, repairHeld } from './repair.ts';

const owner = 7;
const replicas = 2;

function open(): { readonly node: CloverNode; readonly server: MetadataServer } {
  const store = new SimStore(system, { ...faultShape, replicas }, { settings: faultSettings });
  return { node: store.systemNodes[0] as CloverNode, server: store.servers[0] as MetadataServer };
}

/** Two copies of a version, on two memory nodes. */
function copiesIn(layout: CloverLayout, index: number): Reference[] {
  return [0, 1].map((bucket) => reference(layout.handle(bucket, 1, index), 3));
}

/** Takes a program to its first batch, of which nothing is heard. */
function lose(program: Program<unknown>): void {
  const effect = program.next().value as Effect;
  if (effect.kind !== effectKind.batch) throw new Error('no verbs');
  for (const verb of effect.verbs) verb.status = verbStatus.unknown;
  expect(() => program.next()).toThrow(VerbError);
}

describe('a repair whose CAS is lost', () => {
  const swapOf = (layout: CloverLayout, [copy]: readonly Reference[]): Verb<unknown> =>
    cas(layout.addressOf(copy as Reference), 1n, 2n);

  test('by a compute node: it consents to no epoch until the CAS is over', () => {
    const { node } = open();
    const refs = copiesIn(node.layout, 0);
    const swap = swapOf(node.layout, refs);
    lose(node.recovery.post([swap]));
    expect([...node.doubts.nodes()]).toEqual([nodeOf(swap.address)]);
  });

  test('by a server: it does not hand out these buffers in their next round of versions', () => {
    const { server } = open();
    const { state } = server;
    const refs = copiesIn(state.layout, 0);
    const sweep = new Sweep(state, 1);
    expect(refs.map((copy) => state.late.names(copy))).toEqual([false, false]);
    lose(sweep.post([swapOf(state.layout, refs)], refs));
    expect(refs.map((copy) => state.late.names(copy))).toEqual([true, true]);
  });
});

test.each(['completed', 'undone'] as const)('all that changes a word is posted so: %s', (end) => {
  const { layout } = open().node;
  const refs = copiesIn(layout, 0);
  const next = copiesIn(layout, 1);
  const posted: Verb<unknown>[] = [];
  const repairer: Repairer = {
    ...{ layout, durability: 'flush', repaired: 0, bytesMoved: 0 },
    isLost: (number) => number === owner,
    *post(verbs) {
      for (const verb of verbs) verb.status = verbStatus.ok;
      posted.push(...verbs);
    },
  };
  // Round 1 has reached one copy, or the claim only.
  const words = refs.map((copy, c) =>
    next.map((target, r) => {
      const isHeld = c === 0 && (end === 'completed' || r === 0);
      const named = end === 'completed' ? target : 0;
      return isHeld ? linkWord(named, copy, owner, true) : BigInt(tailLow(versionOf(copy)));
    }),
  );
  const program = repairHeld(repairer, refs, 5);
  for (let round = 0; round < 2; round++) {
    const { value: effect } = program.next();
    if (effect?.kind !== effectKind.batch) break;
    for (const [c, verb] of effect.verbs.entries()) {
      expect(verb.op).toBe(verbOp.read);
      for (const [r, word] of (words[c] as bigint[]).entries()) {
        storeWord(verb.buffer as Uint8Array, 8 * r, word);
      }
      verb.status = verbStatus.ok;
    }
  }
  expect(posted.filter(({ op }) => op === verbOp.cas).length).toBeGreaterThan(0);
});
