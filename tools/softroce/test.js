// npm run test:softroce: what needs an RDMA device, in guests that have one (run.sh), and where its time went.
// The last line is the count. Exit 0: all passed; 1: a test failed; 2: no guest can be had here, all skipped.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { bootGuest, endGuests, root } from './guest.js';

const farside = 'node dist/src/cli/main.js';
const recordsBeforeDeath = 200;

/** Starts a memory node in a guest and goes on when it listens, at 10.77.0.1:7471. */
const memoryNode = (regions) =>
  `${farside} memory-node --listen 10.77.0.1:7471 ${regions} > /run/memory-node & node=$!; ` +
  'until grep -q ready /run/memory-node; do kill -0 $node || exit 1; sleep 0.2; done; ';

/** The addon's tests, the conformance suite, and the systems under YCSB A and C, in one process of one guest. */
async function suite() {
  // Code that runs for moments is not worth compiling where compiled code is translated once more.
  const flags = ['--no-opt', '--no-sparkplug'];
  const vitest =
    `node ${flags.join(' ')} node_modules/vitest/vitest.mjs run --configLoader native --pool forks ` +
    `--no-isolate ${flags.map((flag) => `--execArgv=${flag}`).join(' ')}`;
  const guest = bootGuest('suite', {
    options: ['--seconds', '1200'],
    command:
      `${vitest} --maxWorkers 1 --reporter verbose --reporter json --outputFile.json=$OUT/results.json ` +
      `-t "this machine's RDMA device" dist/test/verbs dist/test/conformance 2>&1 | grep --line-buffered -v '↓'`,
  });
  await guest.ended;
  const { testResults } = JSON.parse(readFileSync(path.join(guest.out, 'results.json'), 'utf8'));
  const all = testResults.flatMap(({ assertionResults }) => assertionResults);
  const count = (status) => all.filter((one) => one.status === status).length;
  // A file that does not load has no assertions.
  const broken = testResults.filter(
    (file) => file.status === 'failed' && file.message !== '',
  ).length;
  const skipped = all.filter(
    ({ status, fullName }) => status === 'skipped' && fullName.includes('(skipped: '),
  );
  const passed = count('passed');
  const failed = count('failed') + broken;
  // A guest without its device skips all, and that is no success.
  return { passed, failed: passed + failed === 0 ? 1 : failed, skipped: skipped.length };
}

/** A port that nobody listens at just now. */
const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

const one = (passed) => ({ passed: passed ? 1 : 0, failed: passed ? 0 : 1, skipped: 0 });

/** The results of a run that two hosts made together: each operation once, no value of another key. */
function isWhole(run, operations) {
  const all = Object.values(run.perOperation);
  const measured = all.reduce((sum, { latencyNs }) => sum + latencyNs.count, 0);
  const isRight = all.every((one) => one.corrupt + one.notFound + one.failed === 0);
  const nodes = run.processes.map(({ node, clockErrorNs }) => `${node} within ${clockErrorNs} ns`);
  console.log(
    `softroce: ${run.system}: ${measured} operations; clocks: ${nodes.sort().join(', ')}`,
  );
  // Every guest has booted by itself, so one of the nodes reads another clock than the run.
  const far = run.processes.filter(({ clockErrorNs }) => clockErrorNs > 0);
  return measured === operations && isRight && far.length === 1;
}

/**
 * Two hosts. On one a memory node, the one who starts the runs, a coordinator and a compute node, all processes
 * of their own; on the other another compute node. Direct runs, then Central, over the same processes; every
 * value is compared with its key, and the numbers of all nodes are in one result.
 */
async function twoGuests() {
  const port = await freePort();
  const operations = 150;
  const join = (role) => `${farside} node --role ${role} --join 10.77.0.1:7500 --wait 8m`;
  const regions = ['copy0', 'index', 'pool', 'data', 'control'];
  const home = bootGuest('home', {
    options: ['--net', `listen=${port}`, '--seconds', '900'],
    command:
      `${join('compute')} & ${join('coordinator')} & ` +
      memoryNode(regions.map((name) => `--region ${name}:dram:2MiB`).join(' ')) +
      `${farside} compare --system direct --system central --fabric verbs --memory 10.77.0.1:7471 --memory-nodes 1 ` +
      '--compute-nodes 2 --clients 1 --outstanding 2 --keys 20 --value-bytes 300 --workload a --warmup 0 ' +
      `--operations ${operations} --set cluster.medium=dram --data-integrity --out /run/results --quiet ` +
      // A busy machine lets one guest stand still while the other waits for its acknowledgement, or its answer.
      '--ack-timeout 18 --set central.callTimeoutUs=1000000 --set central.giveUpUs=60000000 ' +
      '--listen 10.77.0.1:7500 --join-timeout 8m; ' +
      'status=$?; cp /run/results/results.json $OUT/; ' +
      'kill -TERM $node; wait $node; cat /run/memory-node; exit $status',
  });
  const report = home.line(/"cpuMicroseconds":(\d+)/);
  report.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 3000)); // QEMU listens before its guest boots
  const away = bootGuest('away', {
    options: ['--net', `connect=${port}`, '--cores', '1', '--seconds', '900'],
    command: join('compute'),
  });
  const statuses = await Promise.all([home.ended, away.ended]);
  const [, cpu] = await report;
  console.log(
    `softroce: two guests: the memory node used ${cpu / 1000} ms of CPU since it was ready`,
  );
  const { runs } = JSON.parse(readFileSync(path.join(home.out, 'results.json'), 'utf8'));
  const isAll = statuses.every((status) => status === 0) && runs.length === 2;
  return one(isAll && runs.every((run) => isWhole(run, operations)));
}

/**
 * Power loss, of the plumbing only: the host keeps what was never flushed. A memory node on an emulated NVDIMM,
 * a client that persists records one by one, SIGKILL to QEMU, another boot on the same file: every record that
 * was said to be durable is there. What is lost without a FLUSH, test/verbs/power-loss.test.ts sees.
 */
async function powerLoss() {
  const folder = mkdtempSync(path.join(tmpdir(), 'farside-pm-'));
  const boot = (name, mode, onLine) =>
    bootGuest(name, {
      options: ['--pm', '528', '--cores', '2', '--seconds', '600'],
      env: { FARSIDE_PM_FILE: path.join(folder, 'nvdimm') },
      command:
        memoryNode('--region log:pm:4MiB:/dev/dax0.0') +
        `node dist/test/support/log-client.js ${mode} 10.77.0.1:7471`,
      onLine,
    });
  try {
    let durable = 0;
    const before = boot('power', 'write', (line) => {
      const said = /^durable (\d+)/.exec(line);
      if (said !== null) durable = Number(said[1]);
    });
    while (durable < recordsBeforeDeath) await before.line(/^durable/);
    before.kill();
    await before.ended;
    const after = boot('power-again', 'recover');
    const [, recovered] = await after.line(/^recovered (\d+)/);
    await after.ended;
    console.log(`softroce: power loss: ${durable} records durable, ${recovered} recovered`);
    return one(Number(recovered) >= durable);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const parts = [
  { name: 'one guest', run: suite },
  { name: 'two guests', run: twoGuests },
  { name: 'power loss', run: powerLoss },
];
const chosen = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };
const say = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`;

const prepared = spawnSync('tools/softroce/run.sh', ['--pm', '1', '--prepare'], { cwd: root });
if (prepared.status !== 0) {
  const why = prepared.stderr.toString().trim().split('\n').at(-1);
  console.log(`softroce: all ${parts.length} parts skipped: ${why}`);
  console.log(`0 passed, 0 failed, ${parts.length} skipped`);
  process.exit(2);
}
const split = [];
for (const { name, run } of parts) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  const start = performance.now();
  const result = await run().catch((error) => {
    console.log(`softroce: ${name}: ${error.message}`);
    return one(false);
  });
  await endGuests();
  for (const key of Object.keys(total)) total[key] += result[key];
  split.push(
    `softroce: ${name}: ${say(result)}, ${Math.round((performance.now() - start) / 1000)} s`,
  );
}
console.log(split.join('\n'));
console.log(say(total));
process.exit(total.failed === 0 ? 0 : 1);
