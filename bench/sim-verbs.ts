import { readFileSync } from 'node:fs';
import { parseProfile, SimCluster } from '../sim/index.ts';
import { batch, type Program, read, readWord } from '../src/core/effect.ts';
import { ringShape } from '../src/core/mailbox.ts';
import { ClusterMap, type NodeSpec } from '../src/memory/cluster.ts';

/**
 * How many verbs a second the simulator manages on one core, for programs that do nothing else:
 * 4 compute nodes × 8 threads × 5 programs, over 4 memory nodes. Run: `node dist/bench/sim-verbs.js`.
 */
const verbsTotal = Number(process.argv[2] ?? 4_000_000);
const slots = 4096;
const slotBytes = 1024;

const node = (name: string, role: 'memory' | 'compute', sizeBytes: number): NodeSpec => ({
  name,
  role,
  cores: role === 'memory' ? 0 : 8,
  regions: sizeBytes === 0 ? [] : [{ name: 'data', medium: 'pm', sizeBytes }],
  peers: [],
});

const cluster = new ClusterMap(
  [
    ...[0, 1, 2, 3].map((i) => node(`mn${i}`, 'memory', slots * slotBytes)),
    ...[0, 1, 2, 3].map((i) => node(`cn${i}`, 'compute', 0)),
  ],
  ringShape(1, 8),
);

function addresses(): number[] {
  return [0, 1, 2, 3].map((i) => cluster.region(i, 'data').address);
}

function* smallReads(count: number, offset: number): Program {
  const bases = addresses();
  const into = new Uint8Array(64);
  for (let i = 0; i < count; i++) {
    const slot = (i * 7919 + offset) & (slots - 1);
    yield* read((bases[i & 3] as number) + slot * slotBytes, into);
  }
}

function* recordAndWord(count: number, offset: number): Program {
  const bases = addresses();
  const into = new Uint8Array(slotBytes);
  for (let i = 0; i < count; i += 2) {
    const slot = (i * 7919 + offset) & (slots - 1);
    const at = (bases[(i >> 1) & 3] as number) + slot * slotBytes;
    yield* batch(read(at, into), readWord((bases[((i >> 1) + 1) & 3] as number) + slot * 8));
  }
}

function measure(label: string, program: (count: number, offset: number) => Program): void {
  const path = 'sim/profiles/connectx4-100g.json';
  const profile = parseProfile(JSON.parse(readFileSync(path, 'utf8')), path);
  const sim = new SimCluster(cluster, { seed: 1, durability: 'assumed', profile });
  const filled = new Uint8Array(slots * slotBytes).fill(7);
  for (const base of addresses()) sim.place(base, filled);
  const programs = 4 * 8 * 5;
  for (let i = 0; i < programs; i++) {
    const count = Math.ceil(verbsTotal / programs);
    sim.runtime(4 + (i & 3)).start(program(count, i * 97), { thread: i >> 2 });
  }
  // CPU time, so that other work on the machine does not count as the simulator's.
  const start = process.cpuUsage();
  sim.run();
  const { user, system } = process.cpuUsage(start);
  const seconds = (user + system) / 1e6;
  const rate = verbsTotal / seconds / 1e6;
  const simulated = verbsTotal / sim.nowNs;
  console.log(
    `${label}: ${rate.toFixed(2)} M verbs per CPU second; ` +
      `${(simulated * 1000).toFixed(1)} M verbs/s of virtual time; hash ${sim.eventHash}`,
  );
}

for (let round = 0; round < 3; round++) {
  measure('64 B READ', smallReads);
  measure('1 KiB READ + 8 B READ, one batch', recordAndWord);
}
