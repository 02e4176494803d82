import { vi } from 'vitest';
import { refuses } from '../support/bad-input.ts';

vi.setConfig({ testTimeout: 240_000 });

refuses('bench', [
  {
    what: 'no verb',
    args: 'bench',
    says: /^farside: missing required argument verb \(farside bench --help\)$/,
  },
  {
    what: 'a verb that there is not',
    args: 'bench reed',
    says: /^farside: bench reed: expected one of read, write, cas, faa, flush; did you mean read\?$/,
  },
  {
    what: 'a flag that there is not',
    args: 'bench read --iter 5',
    says: /^farside: unknown option --iter; did you mean --iters\?$/,
  },
  {
    what: 'a fabric that there is not',
    args: 'bench read --fabric rdma',
    says: /^farside: --fabric rdma: expected one of sim, shared, verbs$/,
  },
  {
    what: 'a size that is no size',
    args: 'bench read -s 64Q',
    says: /^farside: --size 64Q: expected a size in bytes from 8 to 8388608, such as /,
  },
  {
    what: 'a size that no verb has',
    args: 'bench read -s 12',
    says: /^farside: --size 12: expected a multiple of 8 bytes$/,
  },
  {
    what: 'a size of an atomic',
    args: 'bench cas -s 64',
    says: /^farside: --size 64: an atomic acts on 8 bytes; leave it out$/,
  },
  {
    what: 'post lists that do not fit into the depth',
    args: 'bench read -t 8 -l 3',
    says: /^farside: --post-list 3: expected a divisor of --tx-depth 8, the verbs outstanding$/,
  },
  {
    what: 'a depth beside latency alone',
    args: 'bench read --lat -t 8',
    says: /^farside: --tx-depth 8: it has no effect with --lat, which keeps one outstanding$/,
  },
  {
    what: 'queue pairs beside latency alone',
    args: 'bench read --lat -q 2',
    says: /^farside: --qp 2: it has no effect with --lat, which keeps one outstanding$/,
  },
  {
    what: 'only this and only that',
    args: 'bench read --lat --bw',
    says: /^farside: --lat and --bw: each says that the other is not measured; leave both out$/,
  },
  {
    what: 'no iterations',
    args: 'bench read -n 0',
    says: /^farside: --iters 0: expected a whole number from 1/,
  },
  {
    what: 'a cost model where time is real',
    args: 'bench read --fabric shared --profile ideal',
    says: /^farside: --profile ideal: it has no effect on fabric shared; it is for sim$/,
  },
  {
    what: 'a cost model that there is not',
    args: 'bench read --profile ideel',
    says: /^farside: there is no profile ideel; did you mean ideal\?/,
  },
  {
    what: 'a memory node on a fabric that needs none',
    args: 'bench read --memory 10.0.0.5:7471',
    says: /^farside: --memory 10\.0\.0\.5:7471: it has no effect on fabric sim; it is for verbs$/,
  },
  {
    what: 'verbs without a memory node',
    args: 'bench read --fabric verbs',
    says: /^farside: --fabric verbs: expected one --memory ADDRESS, where farside memory-node /,
  },
  {
    what: 'two memory nodes',
    args: 'bench read --fabric verbs --memory 10.0.0.5:7471,10.0.0.6:7471',
    says: /^farside: --memory 10\.0\.0\.5:7471,10\.0\.0\.6:7471: expected one --memory ADDRESS, /,
  },
  {
    what: 'an address without its port',
    args: 'bench read --fabric verbs --memory 10.0.0.5',
    says: /^farside: --memory 10\.0\.0\.5: expected /,
  },
  {
    what: 'more outstanding than a send queue holds',
    args: 'bench read --fabric verbs --memory 10.0.0.5:7471 -t 256',
    says: /^farside: --tx-depth 256: on verbs a queue pair has room for 128 outstanding; use more /,
  },
  {
    what: 'more outstanding than a thread has',
    args: 'bench read --fabric verbs --memory 10.0.0.5:7471 -t 128 -q 9',
    says: /^farside: --qp 9: with --tx-depth 128 that is more than the 1024 outstanding that one /,
  },
  {
    what: 'more bytes outstanding than are staged',
    args: 'bench write --fabric verbs --memory 10.0.0.5:7471 -s 1MiB',
    says: /^farside: --size 1048576: on verbs one thread has 64 of these outstanding; lower /,
  },
  {
    what: 'what makes WRITEs durable, of a verb that makes nothing durable',
    args: 'bench write --fabric verbs --memory 10.0.0.5:7471 --flush-by read',
    says: /^farside: --flush-by read: it has no effect but on farside bench flush$/,
  },
  {
    what: 'what makes WRITEs durable, where FLUSH is always there',
    args: 'bench flush --flush-by read',
    says: /^farside: --flush-by read: it has no effect on fabric sim; it is for verbs$/,
  },
]);

refuses('runs on verbs', [
  {
    what: 'queue pairs where there are none to count',
    args: 'run direct --queue-pairs 2',
    says: /^farside: --queue-pairs 2: it has no effect with fabric sim: it is for RDMA; leave it out/,
  },
  {
    what: 'what makes WRITEs durable, on another fabric',
    args: 'run direct --durability flush --flush-by read',
    says: /^farside: --flush-by read: it has no effect with fabric sim: it is for RDMA; leave it out/,
  },
  {
    what: 'what makes WRITEs durable, in a run that assumes it',
    args: 'run direct --fabric verbs --memory 10.0.0.5:7471 --memory-nodes 1 --flush-by read',
    says: /^farside: --flush-by read: it has no effect in durability assumed: nothing is flushed there/,
  },
  {
    what: 'no queue pairs at all',
    args: 'run direct --fabric verbs --memory 10.0.0.5:7471 --memory-nodes 1 --queue-pairs 0',
    says: /^farside: --queue-pairs 0: expected /,
  },
]);
