import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeOnFake, drain, sharedBytes, submitWord } from '../../../test/support/verbs.ts';
import { loadAddon } from './addon.ts';
import { CmHub } from './cm-hub.ts';
import {
  type Connected,
  connectQueuePair,
  cpuMicrosecondsAt,
  fenceAt,
  parseDestination,
} from './connect.ts';
import { decodeDirectory, encodeDirectory } from './directory.ts';
import { encodeWelcome } from './handshake.ts';
import { MemoryServer } from './memory-server.ts';
import { access, type Cq, type Device, type Native, type Pd, type Qp } from './native.ts';
import { outcomeOf, ringOp, VerbRing } from './rings.ts';

const fake = { provider: 'fake' } as const;
const host = '127.0.0.1';

describeOnFake('connections', () => {
  let native: Native;
  let server: MemoryServer;
  let hub: CmHub;
  let device: Device;
  let pd: Pd;
  let cq: Cq;
  let ring: VerbRing;
  const memory = sharedBytes(1 << 16);
  const to = (): { host: string; port: number } => ({ host, port: server.port });
  const connect = (incarnation = 1): Promise<Connected> =>
    connectQueuePair(hub, { ...to(), incarnation, queuePair: () => native.createQp(pd, cq) });

  beforeEach(() => {
    native = loadAddon();
    server = new MemoryServer(native, {
      ...fake,
      host,
      port: 0,
      incarnation: 77,
      connectionsMax: 4,
      regions: [
        { name: 'data', medium: 'dram', memory },
        { name: 'log', medium: 'pm', memory: sharedBytes(4096) },
      ],
    });
    hub = new CmHub(native, fake);
    hub.watch();
    device = native.openDevice('fake0', fake);
    pd = native.allocPd(device);
    cq = native.createCq(device, 1024);
    ring = new VerbRing(native, pd, cq, 64);
  });
  afterEach(() => {
    server.close();
    hub.close();
    native.close(device);
  });

  test('as many READs and atomics are outstanding as the devices have, or as was wished for', async () => {
    const depthOf = async (maxRdAtomic?: number): Promise<number> => {
      const wish = maxRdAtomic === undefined ? {} : { maxRdAtomic };
      const queuePair = (): Qp => native.createQp(pd, cq);
      const { qp } = await connectQueuePair(hub, {
        ...to(),
        ...wish,
        incarnation: 1,
        queuePair,
      });
      return native.queryQp(qp).maxRdAtomic;
    };
    expect(await depthOf()).toBe(16);
    expect(await depthOf(5)).toBe(5);
    // A node whose device has fewer grants what it has, whatever it is asked for.
    const poor = new MemoryServer(native, {
      ...fake,
      host,
      port: 0,
      incarnation: 78,
      maxRdAtomic: 3,
      regions: [],
    });
    const asked = connectQueuePair(hub, {
      host,
      port: poor.port,
      incarnation: 1,
      queuePair: () => native.createQp(pd, cq),
    });
    expect(native.queryQp((await asked).qp).maxRdAtomic).toBe(3);
    poor.close();
    try {
      native.fakeConfigure({ maxQpRdAtom: 2 });
      await expect(depthOf(5)).rejects.toThrow('EINVAL');
      expect(await depthOf()).toBe(2);
    } finally {
      native.fakeConfigure({ maxQpRdAtom: 16 });
    }
  });

  test('a client learns of the regions by one READ, then uses them', async () => {
    const { qp, welcome } = await connect();
    expect(welcome.incarnation).toBe(77);
    const queue = ring.addQp(qp);
    const local = sharedBytes(4096);
    ring.setLocal(0, native.regMr(pd, local, access.localWrite));
    ring.setRemote(0, welcome.directory);
    const slot = ring.take();
    ring.fill(slot, ringOp.read, queue, welcome.directory.lengthBytes, 0, 0, 0, 0);
    ring.submit(slot);
    expect(drain(ring, 1)[0]?.status).toBe(0);
    const regions = decodeDirectory(local.subarray(0, welcome.directory.lengthBytes));
    expect(regions).toMatchObject([
      { name: 'data', medium: 'dram', flush: 'global', lengthBytes: 1 << 16 },
      { name: 'log', medium: 'pm', flush: 'persistent', lengthBytes: 4096 },
    ]);
    ring.setRemote(1, regions[0] as (typeof regions)[0]);
    ring.setRemote(0, regions[0] as (typeof regions)[0]);
    submitWord(ring, ringOp.faa, 16, { operand: 5n });
    expect(drain(ring, 1)[0]?.status).toBe(0);
    expect(memory[16]).toBe(5);
  });

  test('a directory that was damaged is not believed', () => {
    const table = new Uint8Array(16 + 64);
    encodeDirectory(
      [
        {
          name: 'data',
          medium: 'pm',
          flush: 'none',
          address: 2n ** 63n,
          lengthBytes: 8,
          rkey: 9,
        },
      ],
      table,
    );
    expect(decodeDirectory(table)).toHaveLength(1);
    table[20] = 1;
    expect(() => decodeDirectory(table)).toThrow(/no list of regions/);
    expect(() => decodeDirectory(new Uint8Array(8))).toThrow(/no list of regions/);
    table.fill(0xff);
    expect(() => decodeDirectory(table)).toThrow(/no list of regions/);
  });

  test('a fenced incarnation is cut off and stays out; others go on', async () => {
    const [victim, other] = [await connect(1), await connect(2)];
    const [a, b] = [ring.addQp(victim.qp), ring.addQp(other.qp)];
    ring.setRemote(0, { ...victim.welcome.directory });
    let told = 0;
    victim.onEnd(() => told++);
    await fenceAt(hub, to(), 1);
    expect(server.connections).toBe(1);
    submitWord(ring, ringOp.read, 0, { queue: a });
    submitWord(ring, ringOp.read, 0, { queue: b });
    const outcomes = drain(ring, 2).map(({ status }) => outcomeOf(status));
    expect(outcomes).toEqual(['unknown', 'ok']);
    await expect(connect(1)).rejects.toThrow(/this incarnation was fenced off there/);
    expect(told).toBe(1);
    (await connect(3)).close();
  });

  test('a memory node says how much CPU it used', async () => {
    expect(await cpuMicrosecondsAt(hub, to())).toBe(0); // it does not count yet
    const before = process.cpuUsage();
    server.countCpu();
    const used = (): number => {
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    while (used() < 20_000);
    const said = await cpuMicrosecondsAt(hub, to());
    expect(said).toBeGreaterThan(15_000);
    expect(said).toBeLessThanOrEqual(used());
  });

  test('a listener that is not served tells JavaScript, which accepts by itself', async () => {
    const own = new CmHub(native, fake);
    let accepted: Qp | undefined;
    const listener = own.createId(({ id, event, ...asked }) => {
      if (event !== 'CONNECT_REQUEST' || id === undefined) return;
      accepted = native.createQp(pd, cq);
      for (const state of ['init', 'rtr', 'rts'] as const) {
        native.modifyQpById(accepted, id, { state });
      }
      native.accept(id, {
        qpNum: native.queryQp(accepted).qpNum,
        privateData: encodeWelcome({
          incarnation: 5,
          directory: { address: 0n, lengthBytes: 0, rkey: 0 },
        }),
        responderResources: asked.responderResources ?? 0,
        initiatorDepth: asked.initiatorDepth ?? 0,
      });
    });
    native.bindAddr(listener, host, 0);
    native.listen(listener, 1);
    own.watch();
    const { localPort: port } = native.queryId(listener);
    const queuePair = (): Qp => native.createQp(pd, cq);
    const connected = await connectQueuePair(hub, { host, port, incarnation: 1, queuePair });
    expect(connected.welcome.incarnation).toBe(5);
    expect(native.queryQp(accepted as Qp).state).toBe('rts');
    let told = 0;
    connected.onEnd(() => told++);
    own.close(); // with the ids of its connections
    while (told === 0) await new Promise((resolve) => setImmediate(resolve));
  });

  test('what is wrong with an address is one line', async () => {
    const nobody = connectQueuePair(hub, {
      host,
      port: 1,
      incarnation: 1,
      queuePair: () => native.createQp(pd, cq),
    });
    await expect(nobody).rejects.toThrow('127.0.0.1:1: nobody listens there');
    expect(parseDestination('10.0.0.5:7471')).toEqual({ host: '10.0.0.5', port: 7471 });
    expect(parseDestination('[fe80::1]:7471')).toEqual({ host: 'fe80::1', port: 7471 });
    for (const wrong of ['10.0.0.5', 'node7:7471', '10.0.0.5:70000', ':7471', '']) {
      expect(() => parseDestination(wrong)).toThrow(/expected an address and a port/);
    }
    expect(
      () => new MemoryServer(native, { ...fake, ...to(), regions: [], incarnation: 1 }),
    ).toThrow(/cannot listen at .*: another process listens there/);
  });

  test('at all addresses, regions are registered on a device when its first client comes', async () => {
    const regions = (): number => native.fakeCounters().regions;
    const before = regions();
    const open = new MemoryServer(native, {
      ...fake,
      host: '0.0.0.0',
      port: 0,
      incarnation: 79,
      regions: [{ name: 'data', medium: 'dram', memory }],
    });
    const at = { host, port: open.port };
    expect(await cpuMicrosecondsAt(hub, at)).toBe(0);
    expect(regions()).toBe(before);
    const come = (): Promise<Connected> => {
      const queuePair = (): Qp => native.createQp(pd, cq);
      return connectQueuePair(hub, { ...at, incarnation: 1, queuePair });
    };
    expect((await come()).welcome.incarnation).toBe(79);
    expect(regions()).toBe(before + 2); // and the list of them
    await come();
    expect(regions()).toBe(before + 2);
    expect(open.connections).toBe(2);
    open.close();
    expect(regions()).toBe(before);
  });

  test('connections are bounded', async () => {
    for (let i = 0; i < 4; i++) await connect();
    await expect(connect()).rejects.toThrow(/has 4 connections, its limit/);
  });

  test('garbage on the port and ten thousand who come and go leave nothing', async () => {
    const open = (): object => {
      const { queuePairs, regions, ids } = native.fakeCounters();
      return { queuePairs, regions, ids };
    };
    const before = open();
    for (const privateData of [
      Buffer.alloc(0),
      Buffer.from('GET / HTTP/1.1'),
      Buffer.alloc(56, 255),
    ]) {
      const events: string[] = [];
      const id = hub.createId(({ event }) => {
        events.push(event);
        if (event === 'ADDR_RESOLVED') native.resolveRoute(id, 100);
        if (event === 'ROUTE_RESOLVED') native.connect(id, { qpNum: 5, privateData });
      });
      native.resolveAddr(id, host, server.port, 100);
      while (!events.includes('REJECTED')) await new Promise((resolve) => setImmediate(resolve));
      hub.drop(id);
    }
    for (let i = 0; i < 10_000; i++) {
      const connected = await connect();
      if (i % 2 === 1) native.close(connected.qp); // its queue pair is gone before it says so
      connected.close();
    }
    for (let i = 0; i < 100 && server.connections > 0; i++) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(server.connections).toBe(0);
    expect(open()).toEqual(before);
    (await connect()).close();
  });
});
