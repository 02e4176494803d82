import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { median } from './alternate.ts';
import { openPerftestRing, type PerftestRing } from './perftest-ring.ts';

/**
 * Verbs through the addon against perftest on the same device, in turns: perftest's client and its server,
 * then ours and a memory node's process. Times in an emulated guest mean nothing; the ratios do.
 *
 *   npm run softroce -- --seconds 280 node dist/bench/versus-perftest.js [pairs] [entry ...]
 */
const device = 'rxe0';
const host = '10.77.0.1';
const gidIndex = '1';
const outstanding = 128;
const perftestPort = 18_515;

interface Entry {
  readonly what: string;
  readonly tool: string;
  readonly args: readonly string[];
  /** Of a line of perftest's numbers, the column that is compared. */
  readonly column: number;
  readonly ours: (ring: PerftestRing) => number;
  /** The ratio, ours to theirs, that is to be kept: at most for a time, at least for a rate. */
  readonly target: { readonly atMost: number } | { readonly atLeast: number };
  readonly unit: string;
}

const latencyRounds = 5000;
/** Short, so that pairs can be many: a host that others use gives and takes cores all the time. */
const rateRounds = 4000;
const [typicalColumn, messageRateColumn, averageBandwidthColumn] = [4, 4, 3];
const mebibyte = 2 ** 20;

const entries: Readonly<Record<string, Entry>> = {
  'read-lat': {
    what: 'READ of 64 B, typical latency',
    tool: 'ib_read_lat',
    args: ['-s', '64', '-n', String(latencyRounds)],
    column: typicalColumn,
    ours: (ring) => median(ring.latenciesUs('read', 64, latencyRounds)),
    target: { atMost: 1.25 },
    unit: 'us',
  },
  'cas-lat': {
    what: 'CAS, typical latency',
    tool: 'ib_atomic_lat',
    args: ['-A', 'CMP_AND_SWAP', '-n', String(latencyRounds)],
    column: typicalColumn,
    ours: (ring) => median(ring.latenciesUs('cas', 8, latencyRounds)),
    target: { atMost: 1.25 },
    unit: 'us',
  },
  'read-rate': {
    what: 'READ of 64 B, 128 outstanding',
    tool: 'ib_read_bw',
    args: ['-s', '64', '-t', String(outstanding), '-n', String(rateRounds)],
    column: messageRateColumn,
    ours: (ring) => ring.verbsPerS('read', 64, outstanding, rateRounds) / 1e6,
    target: { atLeast: 0.85 },
    unit: 'M/s',
  },
  'write-bw': {
    what: 'WRITE of 4 KiB, 128 outstanding',
    tool: 'ib_write_bw',
    args: ['-s', '4096', '-t', String(outstanding), '-n', String(rateRounds)],
    column: averageBandwidthColumn,
    ours: (ring) => (ring.verbsPerS('write', 4096, outstanding, rateRounds) * 4096) / mebibyte,
    target: { atLeast: 0.9 },
    unit: 'MiB/s',
  },
};

/** Waits for perftest's server, which takes one connection: it is not to be tried. */
async function listening(): Promise<void> {
  const listens = new RegExp(`:${perftestPort.toString(16).toUpperCase()} \\S+ 0A `);
  while (
    !listens.test(readFileSync('/proc/net/tcp', 'utf8') + readFileSync('/proc/net/tcp6', 'utf8'))
  ) {
    await delay(50);
  }
}

/** Runs both sides of perftest; gives the column, or undefined where it could not tell (`inf`). */
async function perftest({ tool, args, column }: Entry): Promise<number | undefined> {
  const common = ['-d', device, '-x', gidIndex, '-F', ...args];
  const server = spawn(tool, common, { stdio: 'ignore' });
  const ended = new Promise((resolve) => server.once('exit', resolve));
  await listening();
  const client = spawn(tool, [...common, host], { stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  for await (const chunk of client.stdout) text += String(chunk);
  await Promise.race([ended, delay(5000)]);
  server.kill();
  const line = text.split('\n').find((candidate) => /^\s*\d+\s+\d+\s+[\d.]+/.test(candidate));
  const value = Number(line?.trim().split(/\s+/)[column]);
  return value > 0 && Number.isFinite(value) ? value : undefined;
}

function verdict({ target }: Entry, ratio: number): string {
  const kept = 'atMost' in target ? ratio <= target.atMost : ratio >= target.atLeast;
  const wanted = 'atMost' in target ? `at most ${target.atMost}` : `at least ${target.atLeast}`;
  return `${wanted}: ${kept ? 'kept' : 'MISSED'}`;
}

const pairs = Number(process.argv[2] ?? 5);
const wanted = process.argv.slice(3);
const ring = await openPerftestRing(device, host);
try {
  for (const [name, entry] of Object.entries(entries)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    entry.ours(ring); // compiled, once, as perftest is
    const measured: { readonly ours: number; readonly theirs: number }[] = [];
    while (measured.length < pairs) {
      const theirs = await perftest(entry);
      const ours = entry.ours(ring);
      if (theirs !== undefined) measured.push({ ours, theirs });
    }
    const ratio = median(measured.map(({ ours, theirs }) => ours / theirs));
    const ours = median(measured.map((pair) => pair.ours)).toPrecision(4);
    const theirs = median(measured.map((pair) => pair.theirs)).toPrecision(4);
    const ratios = measured.map((pair) => (pair.ours / pair.theirs).toFixed(2)).join(' ');
    console.log(
      `${entry.what}: ${ours} ${entry.unit}, ${entry.tool} ${theirs}: ratio ${ratio.toFixed(2)} ` +
        `(${verdict(entry, ratio)}; pairs ${ratios})`,
    );
  }
} finally {
  ring.close();
}
