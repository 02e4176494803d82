import { expect, test } from 'vitest';
import { InThreadStore, smallShape } from '../../../test/support/in-thread.ts';
import { once, patterned } from '../../../test/support/values.ts';
import { keyOf } from '../../core/key.ts';
import { direct } from './index.ts';
import type { DirectNode, Location } from './node.ts';

test('every address is named: slots by class and part, index, lists and directories', () => {
  const overrides = { memoryNodes: 3, replicas: 2 };
  const store = new InThreadStore(direct, overrides);
  const key = keyOf('user1');
  once(store, (client) => client.insert(key, patterned(1000, 1)));
  const node = store.systemNodes[0] as DirectNode;
  const { geometry } = node;
  const { primary, slot, sizeClass, entry } = node.location(key) as Location;
  const shape = { ...smallShape, ...overrides };
  const site = { context: node.context, cluster: store.cluster, shape };
  const name = (address: number) => direct.locate?.(site, node.config, address);

  const first = geometry.slot(primary, 0, slot);
  const inClass = 'extent 0, slot 0 (records to 1144 B)';
  expect(name(first)).toBe(`${inClass}, lock word`);
  expect(name(first + 8)).toBe(`${inClass}, committed record`);
  expect(name(first + sizeClass.redoOffsetBytes)).toBe(`${inClass}, redo record`);
  expect(name(first + sizeClass.strideBytes)).toContain('slot 1 (records to 1144 B), lock word');
  expect(name(geometry.slot(primary, 1, slot))).toBe(`copy 1: ${inClass}, lock word`);
  expect(name(entry)).toMatch(/^index bucket \d+, entry 0$/);
  expect(name(geometry.bucket(primary, 4))).toBe('index bucket 4, lock word');
  expect(name(geometry.claims(primary))).toBe('count of claimed extents');
  expect(name(geometry.offer(primary, sizeClass.index))).toBe('where slots of 2304 B were offered');
  expect(name(geometry.directory(primary, 1, 3))).toBe('copy 1: directory, extent 3');
  expect(name(2 ** 51)).toBeUndefined();
});
