import {
  compute,
  faa,
  fence,
  type Program,
  readWord,
  receive,
  sleep,
  writeWord,
} from '../../src/core/effect.ts';
import type { JobEnd, JobSite } from '../../src/fabric/job.ts';

/**
 * Jobs for tests of clusters whose nodes are worker threads: a worker loads them by module. The
 * word that they count in is the first of node 0.
 */
const counter = 0;
const flag = 8;

function begin(site: JobSite, program: () => Program<unknown>): JobEnd {
  let result: unknown;
  site.runtime.start(
    (function* () {
      result = yield* program();
    })(),
  );
  return () => result;
}

/** Adds to the counter as often as the node's data says, showing its progress in slot 2. */
export function countUp(site: JobSite): JobEnd {
  return begin(site, function* () {
    const times = site.data as number;
    for (let i = 1; i <= times; i++) {
      yield* faa(counter, 1n);
      site.progress(2, i);
    }
    return { node: site.runtime.context.node, times };
  });
}

/** Counts until the run should end early. */
export function countUntilStopped(site: JobSite): JobEnd {
  return begin(site, function* () {
    let times = 0;
    while (!site.stopRequested()) {
      yield* faa(counter, 1n);
      site.progress(0, ++times);
    }
    return times;
  });
}

/** Never ends, and does not look whether it should. */
export function countForEver(site: JobSite): JobEnd {
  let times = 0;
  begin(site, function* () {
    for (;;) {
      yield* faa(counter, 1n);
      times++;
    }
  });
  return () => times;
}

/**
 * All programs wait for messages that nobody sends; what the node burns meanwhile is its result.
 */
export function waitInVain(site: JobSite): JobEnd {
  const port = site.runtime.context.hub.openPort();
  return begin(site, function* () {
    const before = process.cpuUsage();
    yield* receive(port, { timeoutNs: site.data as number });
    const { user, system } = process.cpuUsage(before);
    return user + system;
  });
}

/** Node 1 fences node 2, which counts for ever, and then looks twice at the counter. */
export function fenceTheOther(site: JobSite): JobEnd {
  if (site.runtime.context.node === 2) {
    return begin(site, function* () {
      for (;;) yield* faa(counter, 1n);
    });
  }
  return begin(site, function* () {
    while ((yield* readWord(counter)) < 1000n) yield* sleep(1e5);
    yield* fence(0, 2);
    const after = yield* readWord(counter);
    yield* sleep(5e6);
    const later = yield* readWord(counter);
    yield* fence(0, 2);
    return { after, later };
  });
}

/** Two nodes that send each other a message by turns, with pauses in which both fall asleep. */
export function pingPong(site: JobSite): JobEnd {
  const { context } = site.runtime;
  const port = context.hub.openPort();
  const other = context.node === 1 ? 2 : 1;
  const rounds = site.data as number;
  return begin(site, function* () {
    const roundsNs: number[] = [];
    const envelope = { node: other, port: 0, replyPort: 0, request: 0, flags: 0 };
    for (let round = 0; round < rounds; round++) {
      if (context.node === 1) {
        const startNs = context.nowNs();
        yield* context.hub.send(envelope, Uint8Array.of(round), context.counters);
        yield* receive(port);
        roundsNs.push(context.nowNs() - startNs);
        yield* sleep((round % 8) * 200_000);
      } else {
        yield* receive(port);
        yield* context.hub.send(envelope, Uint8Array.of(round), context.counters);
      }
    }
    return roundsNs;
  });
}

/** Node 1 fails while node 2 waits for it. */
export function failBeforeStart(site: JobSite): JobEnd {
  if (site.runtime.context.node === 1) throw new RangeError('no such thing');
  return begin(site, function* () {
    while ((yield* readWord(flag)) === 0n) yield* compute('hash');
  });
}

/** Gives what cannot be cloned. */
export function giveFunction(site: JobSite): JobEnd {
  begin(site, function* () {
    yield* writeWord(flag, 1n);
  });
  return () => () => 1;
}

/** Leaves without a word. */
export function leave(): JobEnd {
  process.exit(0);
}
