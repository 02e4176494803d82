import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { loadAddon } from '../../src/fabric/verbs/addon.ts';
import { CmHub } from '../../src/fabric/verbs/cm-hub.ts';
import { connectQueuePair } from '../../src/fabric/verbs/connect.ts';
import { answerCode, encodeRefusal } from '../../src/fabric/verbs/handshake.ts';
import { MemoryServer } from '../../src/fabric/verbs/memory-server.ts';
import type { Native } from '../../src/fabric/verbs/native.ts';
import { mainFile, temporaryFolder } from '../support/cli.ts';
import { FakeSite, type ServedMemory, smallRun } from '../support/fake-network.ts';
import { describeOnFake, sharedBytes } from '../support/verbs.ts';

const timeoutMs = 120_000;

/** Each is one line, exit 2, and says the value, what was expected and the next step. */
describeOnFake('bad input of runs over verbs, on the fake device', () => {
  const folder = temporaryFolder();
  const site = new FakeSite(folder.dir);

  beforeAll(() => site.open(), timeoutMs);
  afterAll(() => {
    site.network.close();
    folder.remove();
  });

  const refused = async (served: ServedMemory, says: RegExp, more: readonly string[] = []) => {
    const args = ['run', 'direct', ...smallRun(served, site.out), ...more];
    const { code, stderr, stdout } = await site.network.run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(says);
  };
  const at = (address: string): ServedMemory => ({ ...site.memory, at: address });

  test('an address that no device leads to', { timeout: timeoutMs }, () =>
    refused(
      at('192.0.2.7:7471'),
      /192\.0\.2\.7:7471: no RDMA device here has a route to it: is the address right\?/,
    ),
  );

  test('a port that is refused', { timeout: timeoutMs }, () =>
    refused(
      at('127.0.0.1:7999'),
      /127\.0\.0\.1:7999: nobody listens there: start farside memory-node --listen with that address/,
    ),
  );

  test('a region that does not exist', { timeout: timeoutMs }, async () => {
    const other = await site.network.memoryNode(7472, ['index:dram:4MiB']);
    await refused(
      other,
      /pool, copy0, which mn0 needs .*: start it with --region pool:dram:\d+ --region copy0:dram:\d+$/m,
      ['--set', 'cluster.medium=dram'],
    );
  });

  test('a region smaller than the layout needs', { timeout: timeoutMs }, async () => {
    const regions = ['index:dram:4MiB', 'copy0:dram:4KiB', 'pool:dram:8MiB'];
    const small = await site.network.memoryNode(7473, regions);
    await refused(
      small,
      /region copy0 of .*:7473 has 4096 B and mn0 needs \d+ B: start it with a larger --region, or/,
      ['--set', 'cluster.medium=dram'],
    );
  });

  test('a region of a medium that forgets', { timeout: timeoutMs }, async () => {
    const regions = ['index:dram:4MiB', 'copy0:dram:32MiB', 'pool:dram:8MiB'];
    const volatile = await site.network.memoryNode(7474, regions);
    await refused(
      volatile,
      /region index of .*:7474 is dram and mn0 needs pm: start it with --region index:pm:\d+:FILE, or /,
    );
  });

  test(
    'a memory node at an address that is no device, and one that is taken',
    async () => {
      const listen = (address: string) =>
        site.network.run(['memory-node', '--listen', address, '--region', 'data:dram:4KiB']);
      const { code, stderr } = await listen('192.0.2.1:7471');
      expect(code).toBe(2);
      expect(stderr).toMatch(
        /^farside: cannot listen at 192\.0\.2\.1:7471: no RDMA device has that address: farside doctor/,
      );
      expect((await listen(site.memory.at)).stderr).toBe(
        `farside: cannot listen at ${site.memory.at}: another process listens there; choose another port\n`,
      );
    },
    timeoutMs,
  );

  test('a limit of locked memory that is too small', { timeout: timeoutMs }, async () => {
    const args = 'memory-node --listen 127.0.0.1:7475 --region data:dram:1MiB';
    const node = `"${process.execPath}" "${mainFile}" ${args}`;
    const env = { ...process.env, ...site.network.env, FARSIDE_FAKE_LOCK_LIMIT: '1' };
    const run = promisify(execFile)('bash', ['-c', `ulimit -l 64; exec ${node}`], { env });
    await expect(run).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /^farside: cannot listen at .*:7475: regMr \(1048576 B, .* 64 KiB: raise it with `ulimit -l unl/,
      ) as string,
    });
  });
});

describeOnFake('memory nodes that do not fit', () => {
  const fake = { provider: 'fake' } as const;
  const host = '127.0.0.1';
  let native: Native;
  let hub: CmHub;

  beforeEach(() => {
    native = loadAddon();
    hub = new CmHub(native, fake);
    hub.watch();
  });
  afterEach(() => {
    hub.close();
    native.fakeConfigure({ activeMtu: 5 });
  });

  test('a memory node of another version says so', async () => {
    const elsewhere = new CmHub(native, fake);
    const listener = elsewhere.createId(({ id }) => {
      if (id === undefined) return;
      const answer = encodeRefusal(answerCode.otherVersion);
      answer.writeUInt16LE(9, 4);
      native.reject(id, answer);
      native.close(id);
    });
    native.bindAddr(listener, host, 0);
    native.listen(listener, 1);
    elsewhere.watch();
    const { localPort } = native.queryId(listener);
    const device = native.openDevice('fake0', fake);
    const pd = native.allocPd(device);
    const cq = native.createCq(device, 16);
    const connecting = connectQueuePair(hub, {
      host,
      port: localPort,
      incarnation: 1,
      queuePair: () => native.createQp(pd, cq),
    });
    await expect(connecting).rejects.toMatchObject({
      code: 'FARSIDE_USAGE',
      message:
        `${host}:${localPort}: a farside of another version (protocol 9, here 1): ` +
        'run the same version on both',
    });
    native.close(device);
    elsewhere.close();
  });

  test('an MTU that the device does not take is refused where it is set, and where it is met', async () => {
    native.fakeConfigure({ activeMtu: 3 });
    const regions = [{ name: 'data', medium: 'dram', memory: sharedBytes(4096) }] as const;
    const options = { ...fake, host, port: 0, regions, incarnation: 1 };
    const tooLarge = () => new MemoryServer(native, { ...options, pathMtuBytes: 4096 }).close();
    // A listener of one address is at its device: it knows at once.
    const server = new MemoryServer(native, options);
    const device = native.openDevice('fake0', fake);
    const pd = native.allocPd(device);
    const cq = native.createCq(device, 16);
    const connecting = connectQueuePair(hub, {
      host,
      port: server.port,
      incarnation: 1,
      pathMtuBytes: 4096,
      queuePair: () => native.createQp(pd, cq),
    });
    await expect(connecting).rejects.toMatchObject({
      code: 'FARSIDE_USAGE',
      message: expect.stringMatching(/modifyQpById.*path MTU 4096 B.*EINVAL/) as string,
    });
    server.close();
    native.close(device);
    expect(tooLarge).toThrow(
      'a path MTU of 4096 B cannot work: device fake0 takes at most 1024 B; leave it out, or raise',
    );
  });
});
