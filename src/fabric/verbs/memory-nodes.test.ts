import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeOnFake, sharedBytes } from '../../../test/support/verbs.ts';
import { ringShape } from '../../core/mailbox.ts';
import { ClusterMap, type RegionSpec } from '../../memory/cluster.ts';
import { loadAddon } from './addon.ts';
import { CmHub } from './cm-hub.ts';
import { fenceAt } from './connect.ts';
import { type PreparedMemory, prepareMemory } from './memory-nodes.ts';
import { MemoryServer } from './memory-server.ts';
import type { Native } from './native.ts';

const fake = { provider: 'fake' } as const;
const host = '127.0.0.1';

describeOnFake('memory nodes before a run', () => {
  let native: Native;
  let server: MemoryServer;
  const memory = sharedBytes(3 << 20);
  const prepare = (region: RegionSpec, incarnation = 5): Promise<PreparedMemory> => {
    const spec = { name: 'mn0', role: 'memory', cores: 0, regions: [region], peers: [] } as const;
    const map = new ClusterMap([spec], ringShape(1, 64));
    return prepareMemory(native, map, [{ host, port: server.port }], incarnation, fake);
  };

  beforeEach(() => {
    native = loadAddon();
    memory.fill(7);
    server = new MemoryServer(native, {
      ...fake,
      host,
      port: 0,
      incarnation: 77,
      regions: [
        { name: 'data', medium: 'dram', memory },
        { name: 'log', medium: 'pm', memory: sharedBytes(4096) },
      ],
    });
  });
  afterEach(() => server.close());

  test('what the layout needs is zeroed, and no more', async () => {
    const sizeBytes = (2 << 20) + 4096;
    expect(await prepare({ name: 'data', medium: 'dram', sizeBytes })).toEqual({
      device: 'fake0',
      cannotFlush: undefined,
    });
    expect(memory.subarray(0, sizeBytes).every((byte) => byte === 0)).toBe(true);
    expect(memory.subarray(sizeBytes).every((byte) => byte === 7)).toBe(true);
    server.poll(); // it is told of the disconnect
    expect(server.connections).toBe(0);
  });

  test('memory that forgets is refused where pm is needed', async () => {
    const region = { name: 'log', medium: 'pm', sizeBytes: 4096 } as const;
    expect((await prepare(region)).cannotFlush).toBeUndefined();
    await expect(prepare({ ...region, name: 'data' })).rejects.toMatchObject({
      code: 'FARSIDE_USAGE',
      message: expect.stringMatching(
        /^region data of 127\.0\.0\.1:\d+ is dram and mn0 needs pm: start it with --region data:pm:4096:F/,
      ),
    });
  });

  test('a region that is not there, or too small, is one line with the next step', async () => {
    const wrong = prepare({ name: 'index', medium: 'pm', sizeBytes: 8 });
    await expect(wrong).rejects.toMatchObject({
      code: 'FARSIDE_USAGE',
      message: expect.stringMatching(
        /^127\.0\.0\.1:\d+ has no region index, which mn0 needs \(it has data, log\): start it with /,
      ),
    });
    const small = prepare({ name: 'log', medium: 'pm', sizeBytes: 8192 });
    await expect(small).rejects.toMatchObject({
      code: 'FARSIDE_CAPACITY',
      message: expect.stringMatching(/^region log of .* has 4096 B and mn0 needs 8192 B: /),
    });
  });

  test('nobody there, and an incarnation that was fenced, are said', async () => {
    const hub = new CmHub(native, fake);
    hub.watch();
    await fenceAt(hub, { host, port: server.port }, 6);
    hub.close();
    const region = { name: 'data', medium: 'dram', sizeBytes: 4096 } as const;
    await expect(prepare(region, 6)).rejects.toThrow(/was fenced off there/);
    const { port } = server;
    server.close();
    await expect(prepare(region)).rejects.toThrow(`${host}:${port}: nobody listens there`);
  });
});
