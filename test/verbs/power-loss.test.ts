import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadAddon } from '../../src/fabric/verbs/addon.ts';
import { MemoryServer } from '../../src/fabric/verbs/memory-server.ts';
import type { Native } from '../../src/fabric/verbs/native.ts';
import { RecordLog } from '../support/record-log.ts';
import { RegionClient } from '../support/region-client.ts';
import { describeOnFake, sharedBytes } from '../support/verbs.ts';

const fake = { provider: 'fake' } as const;
const host = '127.0.0.1';
const records = 200;

/**
 * The fake device drops what was not flushed, which an emulated NVDIMM does not: its host keeps unflushed
 * bytes too. So whether a FLUSH was forgotten is seen here, and not in the guest that is killed.
 */
describeOnFake('power loss at a memory node, on the fake device', () => {
  let native: Native;
  let server: MemoryServer;
  let client: RegionClient;
  const open = (): Promise<RegionClient> =>
    RegionClient.open(native, { host, port: server.port }, 'log', fake);
  /** Loses power, and reads the log by a new connection. */
  const recovered = async (seed: number): Promise<{ recovered: number; lostWords: number }> => {
    const { lostWords } = native.fakePowerLoss(client.region.rkey, seed);
    client.close();
    client = await open();
    return { recovered: new RecordLog(client).recover(), lostWords };
  };

  beforeEach(async () => {
    native = loadAddon();
    server = new MemoryServer(native, {
      ...fake,
      host,
      port: 0,
      incarnation: 1,
      regions: [{ name: 'log', medium: 'pm', memory: sharedBytes(1 << 20) }],
    });
    client = await open();
    expect(client.persistBy).toBe('FLUSH');
  });
  afterEach(() => {
    client.close();
    server.close();
  });

  test('flushed records are all there', async () => {
    const log = new RecordLog(client);
    for (let i = 0; i < records; i++) {
      log.append(i);
      log.persist(i);
    }
    expect(log.recover()).toBe(records);
    expect(await recovered(3)).toEqual({ recovered: records, lostWords: 0 });
  });

  test('records that nobody flushed are lost, though every WRITE was acknowledged', async () => {
    const log = new RecordLog(client);
    for (let i = 0; i < records; i++) {
      log.append(i);
      if (i < records / 2) log.persist(i);
    }
    expect(log.recover()).toBe(records);
    const after = await recovered(3);
    expect(after.lostWords).toBeGreaterThan(records);
    expect(after.recovered).toBe(records / 2);
  });
});
