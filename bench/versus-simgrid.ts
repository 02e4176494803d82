import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SimCluster } from '../sim/index.ts';
import { read } from '../src/core/effect.ts';
import { ringShape } from '../src/core/mailbox.ts';
import { packageRoot } from '../src/lab/package.ts';
import { openProfile } from '../src/lab/profiles.ts';
import { ClusterMap } from '../src/memory/cluster.ts';
import { alternate } from './alternate.ts';

/**
 * `node dist/bench/versus-simgrid.js`: 64-byte READs between 32 pairs in farside's simulator against
 * 64-byte messages between 32 pairs of actors on SimGrid (Debian's libsimgrid-dev), in turns on one core.
 */
const pairs = 32;
const countEach = 20_000;

function buildReference(folder: string): string {
  const binary = path.join(folder, 'messages');
  const source = path.join(packageRoot, 'bench/simgrid/messages.cpp');
  try {
    execFileSync('g++', ['-O2', '-std=c++17', source, '-lsimgrid', '-o', binary], {
      stdio: 'pipe',
    });
  } catch {
    console.error('SimGrid is not here: install libsimgrid-dev and g++ (apt-get install)');
    process.exit(2);
  }
  return binary;
}

function simgrid(binary: string): number {
  const flags = ['--log=root.thres:error', '--cfg=contexts/factory:raw'];
  const out = execFileSync(binary, [String(pairs), String(countEach), ...flags], {
    encoding: 'utf8',
  });
  return Number(out);
}

const cluster = new ClusterMap(
  [
    {
      name: 'mn0',
      role: 'memory',
      cores: 0,
      regions: [{ name: 'data', medium: 'dram', sizeBytes: pairs * 64 }],
      peers: [],
    },
    { name: 'cn0', role: 'compute', cores: pairs, regions: [], peers: [] },
  ],
  ringShape(1, 8),
);
const profile = openProfile('connectx4-100g', {});

function farside(): number {
  const sim = new SimCluster(cluster, { seed: 1, durability: 'assumed', profile });
  const runtime = sim.runtime(1);
  for (let pair = 0; pair < pairs; pair++) {
    const into = new Uint8Array(64);
    runtime.start(
      (function* () {
        for (let i = 0; i < countEach; i++) yield* read(pair * 64, into);
      })(),
      { thread: pair },
    );
  }
  const begin = process.hrtime.bigint();
  sim.run();
  return (pairs * countEach) / (Number(process.hrtime.bigint() - begin) / 1e9);
}

const folder = mkdtempSync(path.join(tmpdir(), 'farside-simgrid-'));
try {
  const binary = buildReference(folder);
  farside();
  const { ours, theirs, ratio } = await alternate(5, farside, () => simgrid(binary));
  console.log(
    `farside ${(ours / 1e6).toFixed(2)} M verbs/s, SimGrid ${(theirs / 1e6).toFixed(2)} M messages/s: ` +
      `${ratio.toFixed(1)} times (target: at least 5)`,
  );
} finally {
  rmSync(folder, { recursive: true });
}
