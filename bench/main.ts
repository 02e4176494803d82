import { crc32 } from 'node:zlib';
import { Bench } from 'tinybench';
import { crc32c } from '../src/core/checksum.ts';
import { compute, type Program, read } from '../src/core/effect.ts';
import { keyOf } from '../src/core/key.ts';
import { randomStream } from '../src/core/random.ts';
import { encodeRecord, recordBytesMax } from '../src/core/record.ts';
import { checkValue, fillValue } from '../src/workload/values.ts';

/**
 * `npm run bench`: what the small things cost that every operation is made of. The comparisons with other
 * programs, and the paper's tables, are scripts of their own (docs/benchmarks.md).
 */
const key = keyOf('user6284781860667377211');
const value = new Uint8Array(1024);
const record = new Uint8Array(recordBytesMax);
const random = randomStream(1, 'bench');
const into = new Uint8Array(1024);

function* verbs(): Program<void> {
  for (;;) yield* read(0, into);
}
function* computations(): Program<void> {
  for (;;) yield* compute('lookup');
}
const [verbProgram, computeProgram] = [verbs(), computations()];
let stamp = 0;

const bench = new Bench({ time: 300, warmupTime: 100 })
  .add('crc32c of 1 KiB, sliced by eight', () => void crc32c(value))
  .add("zlib's crc32 of 1 KiB, for comparison", () => void crc32(value))
  .add('encode a record of 1 KiB', () => void encodeRecord(record, 0, key, value, 1))
  .add('fill a value of 1 KiB', () => fillValue(key, value, stamp++))
  .add('check a value of 1 KiB', () => void checkValue(key, value))
  .add('a 53-bit random number', () => void random.unit())
  .add('yield a compute effect', () => void computeProgram.next())
  .add('yield a READ', () => {
    const step = verbProgram.next();
    // An interpreter would fill the verb; a fresh one each time is what a program yields.
    if (step.done !== true && 'status' in step.value) step.value.status = 2;
  });

await bench.run();
console.table(
  bench.tasks.map(({ name, result }) => {
    const latency = 'latency' in result ? result.latency : undefined;
    return {
      what: name,
      'ns (median)': latency === undefined ? '-' : (latency.p50 * 1e6).toFixed(0),
      'relative error, %': latency === undefined ? '-' : latency.rme.toFixed(1),
    };
  }),
);
