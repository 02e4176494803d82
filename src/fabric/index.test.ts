import { expect, test } from 'vitest';
import { fabricKinds } from '../core/context.ts';
import { ringShape } from '../core/mailbox.ts';
import { ClusterMap, type NodeSpec } from '../memory/cluster.ts';
import { missingFor, openFabric } from './index.ts';

const nodes: readonly NodeSpec[] = [
  {
    name: 'mn0',
    role: 'memory',
    cores: 0,
    regions: [{ name: 'data', medium: 'dram', sizeBytes: 4096 }],
    peers: [],
  },
];
const map = new ClusterMap(nodes, ringShape(1, 64));
const options = { seed: 1, durability: 'assumed' } as const;

test('the simulator is always there', () => {
  expect(missingFor('sim')).toBeUndefined();
});

test.each(fabricKinds.filter((kind) => kind !== 'sim'))(
  '%s opens, or says in the same words what is missing',
  (kind) => {
    const missing = missingFor(kind);
    if (missing === undefined) expect(openFabric(kind, map, options).map).toBe(map);
    else expect(() => openFabric(kind, map, options)).toThrow(missing);
  },
);

test('threads on shared memory work wherever the tests run', () => {
  expect(missingFor('shared')).toBeUndefined();
});
