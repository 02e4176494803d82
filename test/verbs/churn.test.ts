import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadAddon } from '../../src/fabric/verbs/addon.ts';
import { CmHub } from '../../src/fabric/verbs/cm-hub.ts';
import { type Connected, connectQueuePair } from '../../src/fabric/verbs/connect.ts';
import { MemoryServer } from '../../src/fabric/verbs/memory-server.ts';
import type { Device } from '../../src/fabric/verbs/native.ts';
import { packageRoot } from '../../src/lab/package.ts';
import { deviceAbsent, deviceHost } from '../support/rdma-device.ts';
import { sharedBytes } from '../support/verbs.ts';

const absent = deviceAbsent();
const why = absent === undefined ? '' : ` (skipped: ${absent})`;
/** On the fake device it is ten thousand (connect.test.ts); an emulated kernel takes long for each. */
const connects = 300;

/** What the kernel holds open of one kind, `qp` or `cm_id`, on all devices; of all processes. */
function kernelHas(kind: 'qp' | 'cm_id'): number {
  const text = execFileSync('rdma', ['resource', 'show'], { encoding: 'utf8' });
  const found = [...text.matchAll(new RegExp(` ${kind} (\\d+)`, 'g'))];
  expect(found.length).toBeGreaterThan(0);
  return found.reduce((sum, [, count]) => sum + Number(count), 0);
}

describe.skipIf(absent !== undefined)(
  `who comes and goes, on this machine's RDMA device${why}`,
  () => {
    let server: MemoryServer;
    let hub: CmHub;
    let device: Device;
    let connect: () => Promise<Connected>;
    const settled = async (count: number): Promise<void> => {
      for (let i = 0; i < 200 && server.connections !== count; i++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      expect(server.connections).toBe(count);
    };

    beforeAll(() => {
      const native = loadAddon();
      const host = deviceHost();
      server = new MemoryServer(native, {
        host,
        port: 0,
        incarnation: 1,
        regions: [{ name: 'log', medium: 'dram', memory: sharedBytes(8 << 20) }],
      });
      hub = new CmHub(native);
      hub.watch();
      device = native.openDevice(native.getDeviceList()[0] as string);
      const pd = native.allocPd(device);
      const cq = native.createCq(device, 64);
      const queuePair = (): ReturnType<typeof native.createQp> => native.createQp(pd, cq);
      connect = () => connectQueuePair(hub, { host, port: server.port, incarnation: 2, queuePair });
    });
    afterAll(() => {
      loadAddon().close(device);
      hub.close();
      server.close();
    });

    test(`${connects} connections leave nothing in the kernel, and garbage does no harm`, async () => {
      (await connect()).close();
      await settled(0);
      const held = (): object => ({
        queuePairs: kernelHas('qp'),
        ids: kernelHas('cm_id'),
        files: readdirSync('/proc/self/fd').length,
      });
      const before = held();
      const { native } = hub;
      for (const privateData of [Buffer.from('GET / HTTP/1.1'), Buffer.alloc(56, 255)]) {
        const rejected = new Promise<void>((resolve) => {
          const id = hub.createId(({ event }) => {
            if (event === 'ADDR_RESOLVED') native.resolveRoute(id, 1000);
            if (event === 'ROUTE_RESOLVED') native.connect(id, { qpNum: 5, privateData });
            if (event !== 'REJECTED') return;
            hub.drop(id);
            resolve();
          });
          native.resolveAddr(id, deviceHost(), server.port, 1000);
        });
        await rejected;
      }
      for (let i = 0; i < connects; i++) (await connect()).close();
      await settled(0);
      expect(held()).toEqual(before);
    });

    test('a client that is killed among its verbs is forgotten, and others are served', async () => {
      const program = path.join(packageRoot, 'dist/test/support/log-client.js');
      const args = [program, 'write', `${deviceHost()}:${server.port}`];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      for await (const line of createInterface({ input: child.stdout })) {
        if (line.startsWith('durable')) break;
      }
      expect(server.connections).toBe(1);
      child.kill('SIGKILL');
      await once(child, 'exit');
      await settled(0);
      (await connect()).close();
      await settled(0);
    });
  },
);
