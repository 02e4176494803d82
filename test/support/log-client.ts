import { writeSync } from 'node:fs';
import { loadAddon } from '../../src/fabric/verbs/addon.ts';
import { parseDestination } from '../../src/fabric/verbs/connect.ts';
import { RecordLog } from './record-log.ts';
import { RegionClient } from './region-client.ts';

/**
 * node log-client.js write|recover HOST:PORT: appends records to region `log` of a memory node until it is
 * killed, and says how many are durable; or says how many there are.
 */
const [mode, where = ''] = process.argv.slice(2);
const sayEvery = 16;

const client = await RegionClient.open(loadAddon(), parseDestination(where), 'log');
const log = new RecordLog(client);
if (mode === 'recover') {
  writeSync(1, `recovered ${log.recover()}\n`);
  client.close();
  process.exit(0);
}
writeSync(1, `persists by ${client.persistBy}\n`);
for (let number = 0; ; number++) {
  log.append(number);
  log.persist(number);
  if ((number + 1) % sayEvery === 0) writeSync(1, `durable ${number + 1}\n`);
}
