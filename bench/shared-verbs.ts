import type { Address } from '../src/core/address.ts';
import {
  batch,
  cas,
  faa,
  type Program,
  read,
  readWord,
  write,
  writeWord,
} from '../src/core/effect.ts';
import { ringShape } from '../src/core/mailbox.ts';
import { runTogether } from '../src/fabric/shared/loop.ts';
import { SharedNode } from '../src/fabric/shared/node.ts';
import { ClusterMap } from '../src/memory/cluster.ts';
import { ClusterSpace, type NodeSpace } from '../src/memory/space.ts';
import { alternate } from './alternate.ts';

/**
 * What a verb of the shared fabric costs beside the call of `Atomics` or the copy that it stands
 * for, over the same addresses. Both sides take turns within one run, and only their ratio means
 * anything.
 *
 *   node dist/bench/shared-verbs.js [pairs]
 */
const regionBytes = 16 * 2 ** 20;
const verbsPerRun = 200_000;
const recordBytes = 1024;

const cluster = new ClusterMap(
  [
    {
      name: 'mn0',
      role: 'memory',
      cores: 0,
      regions: [{ name: 'data', medium: 'dram', sizeBytes: regionBytes }],
      peers: [],
    },
    { name: 'cn0', role: 'compute', cores: 1, regions: [], peers: [] },
  ],
  ringShape(1, 8),
);
const buffers = ClusterSpace.buffersFor(cluster);
const space = new ClusterSpace(buffers).spaces[0] as NodeSpace;
const base = cluster.region(0, 'data').address;
const local = new Uint8Array(recordBytes);
const scratch = new BigUint64Array(1);
const halves = new Uint32Array(scratch.buffer);
/** Keeps results alive, so that no work can be left out. */
let sink = 0;

/** The same walk over the region for both sides: records in an order that no prefetcher guesses. */
function offsetAt(i: number): number {
  return (Math.imul(i, 2654435761) >>> 0) & (regionBytes - recordBytes);
}

function addressAt(i: number): Address {
  return base + offsetAt(i);
}

interface Comparison {
  readonly name: string;
  /** The body of one program's loop; raw is the same loop without programs. */
  ours(count: number): Program<void>;
  raw(count: number): void;
}

const comparisons: readonly Comparison[] = [
  {
    name: 'READ of a word',
    *ours(count) {
      for (let i = 0; i < count; i++) {
        const verb = readWord(addressAt(i));
        yield* verb;
        sink += verb.low;
      }
    },
    raw(count) {
      for (let i = 0; i < count; i++) {
        const offset = offsetAt(i);
        scratch[0] = Atomics.load(space.words, offset / 8);
        sink += halves[0] as number;
      }
    },
  },
  {
    name: 'READ of 64 B',
    *ours(count) {
      for (let i = 0; i < count; i++) {
        yield* read(addressAt(i), local64);
      }
    },
    raw(count) {
      for (let i = 0; i < count; i++) {
        const offset = offsetAt(i);
        local64.set(space.bytes.subarray(offset, offset + 64));
      }
    },
  },
  {
    name: 'READ of 1 KiB',
    *ours(count) {
      for (let i = 0; i < count; i++) {
        yield* read(addressAt(i), local);
      }
    },
    raw(count) {
      for (let i = 0; i < count; i++) {
        const offset = offsetAt(i);
        local.set(space.bytes.subarray(offset, offset + recordBytes));
      }
    },
  },
  {
    name: 'WRITE of a word',
    *ours(count) {
      for (let i = 0; i < count; i++) {
        yield* writeWord(addressAt(i), 7n);
      }
    },
    raw(count) {
      for (let i = 0; i < count; i++) {
        const offset = offsetAt(i);
        Atomics.store(space.words, offset / 8, 7n);
      }
    },
  },
  {
    name: 'WRITE of 1 KiB',
    *ours(count) {
      for (let i = 0; i < count; i++) {
        yield* write(addressAt(i), local);
      }
    },
    raw(count) {
      for (let i = 0; i < count; i++) {
        const offset = offsetAt(i);
        space.bytes.set(local, offset);
      }
    },
  },
  {
    name: 'CAS',
    *ours(count) {
      for (let i = 0; i < count; i++) {
        const verb = cas(addressAt(i), 7n, 7n);
        yield* verb;
        sink += verb.low;
      }
    },
    raw(count) {
      for (let i = 0; i < count; i++) {
        const offset = offsetAt(i);
        scratch[0] = Atomics.compareExchange(space.words, offset / 8, 7n, 7n);
        sink += halves[0] as number;
      }
    },
  },
  {
    name: 'FETCH_ADD',
    *ours(count) {
      for (let i = 0; i < count; i++) {
        const verb = faa(addressAt(i), 1n);
        yield* verb;
        sink += verb.low;
      }
    },
    raw(count) {
      for (let i = 0; i < count; i++) {
        const offset = offsetAt(i);
        scratch[0] = Atomics.add(space.words, offset / 8, 1n);
        sink += halves[0] as number;
      }
    },
  },
  {
    name: 'READ of 1 KiB and of a word, one batch',
    *ours(count) {
      for (let i = 0; i < count; i++) {
        const word = readWord(addressAt(i));
        yield* batch(read(addressAt(i), local), word);
        sink += word.low;
      }
    },
    raw(count) {
      for (let i = 0; i < count; i++) {
        const offset = offsetAt(i);
        local.set(space.bytes.subarray(offset, offset + recordBytes));
        scratch[0] = Atomics.load(space.words, offset / 8);
        sink += halves[0] as number;
      }
    },
  },
];
const local64 = new Uint8Array(64);

/** Nanoseconds for each operation: verbs yielded by one program and interpreted by the fabric. */
function measureOurs({ ours }: Comparison): number {
  const node = new SharedNode(cluster, buffers, {
    node: 1,
    seed: 1,
    durability: 'assumed',
    clockNs: () => performance.now() * 1e6,
    verbBoundNs: 1e9,
  });
  node.start(ours(verbsPerRun));
  const start = performance.now();
  runTogether([node]);
  return ((performance.now() - start) * 1e6) / verbsPerRun;
}

function measureRaw({ raw }: Comparison): number {
  const start = performance.now();
  raw(verbsPerRun);
  return ((performance.now() - start) * 1e6) / verbsPerRun;
}

const pairs = Number(process.argv[2] ?? 9);
console.log('what                                       ours ns   raw ns    ratio');
for (const comparison of comparisons) {
  measureOurs(comparison);
  measureRaw(comparison);
  const { ours, theirs, ratio } = await alternate(
    pairs,
    () => measureOurs(comparison),
    () => measureRaw(comparison),
  );
  const columns = [ours.toFixed(1).padStart(9), theirs.toFixed(1).padStart(8)];
  console.log(`${comparison.name.padEnd(40)} ${columns.join(' ')} ${ratio.toFixed(2).padStart(8)}`);
}
if (Number.isNaN(sink)) console.log(sink);
