import { expect, test } from 'vitest';
import { ringShape } from '../../core/mailbox.ts';
import { ClusterMap } from '../../memory/cluster.ts';
import type { Carrier } from './carrier.ts';
import { VerbsNode } from './node.ts';

const map = new ClusterMap(
  [
    { name: 'mn0', role: 'memory', cores: 0, regions: [], peers: [] },
    { name: 'cn0', role: 'compute', cores: 1, regions: [], peers: [] },
  ],
  ringShape(1, 64),
);

/** Of one start of the node, which posts nothing: so nothing need carry its verbs. */
function firstDraw(incarnation: number): number {
  const { context } = new VerbsNode(map, {
    node: 1,
    incarnation,
    seed: 1,
    durability: 'assumed',
    clockNs: () => 0,
    verbBoundNs: 1e9,
    own: new ArrayBuffer(64),
    queuePairs: undefined,
    carrier: () => ({}) as Carrier,
    fence: () => Promise.resolve(),
  });
  return context.random('back-off').next32();
}

test('equal starts draw equally, and a node that starts anew draws anew', () => {
  expect(firstDraw(1)).toBe(firstDraw(1));
  expect(firstDraw(2)).not.toBe(firstDraw(1));
});
