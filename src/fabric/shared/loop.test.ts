import { expect, test } from 'vitest';
import { inThreadNodes } from '../../../test/support/in-thread.ts';
import { fence, post, read, receive, sleep, wait, write, writeWord } from '../../core/effect.ts';
import { ringShape } from '../../core/mailbox.ts';
import { ClusterMap } from '../../memory/cluster.ts';
import { runTogether } from './loop.ts';
import type { SharedNode } from './node.ts';

function oneNode(): SharedNode {
  const map = new ClusterMap(
    [
      {
        name: 'mn0',
        role: 'memory',
        cores: 0,
        regions: [{ name: 'data', medium: 'dram', sizeBytes: 4096 }],
        peers: [],
      },
      { name: 'cn0', role: 'compute', cores: 1, regions: [], peers: [] },
    ],
    ringShape(1, 8),
  );
  return inThreadNodes(map)[0] as SharedNode;
}

test('a clock that can skip is moved to the next timer: an hour of sleep takes no time', () => {
  const node = oneNode();
  const wokeNs: number[] = [];
  for (const hours of [2, 1]) {
    node.start(
      (function* () {
        yield* sleep(hours * 3.6e12);
        wokeNs.push(node.context.nowNs());
      })(),
    );
  }
  runTogether([node], 100);
  expect(wokeNs.map((ns) => Math.floor(ns / 3.6e12))).toEqual([1, 2]);
});

test('programs that all wait for messages are an error at once', () => {
  const node = oneNode();
  node.start(
    (function* () {
      yield* receive(node.context.hub.openPort());
    })(),
  );
  expect(() => runTogether([node])).toThrow(/every program waits for a message/);
});

test('a limit on turns ends a run that makes progress for ever', () => {
  const node = oneNode();
  node.start(
    (function* () {
      for (;;) yield* writeWord(0, 1n);
    })(),
  );
  expect(() => runTogether([node], 50)).toThrow('programs did not finish within 50 turns');
});

test('a wait for verbs that nobody posted is refused, or ends at its time-out', () => {
  const node = oneNode();
  const outcomes: unknown[] = [];
  node.start(
    (function* () {
      const never = writeWord(0, 1n);
      const [posted] = yield* post(writeWord(8, 1n));
      const tickets = posted === undefined ? [] : [posted, never];
      outcomes.push(yield* wait(tickets, { count: 1 }), yield* wait(tickets, { timeoutNs: 1e6 }));
      try {
        yield* wait(tickets);
      } catch (error) {
        outcomes.push((error as Error).message);
      }
    })(),
  );
  runTogether([node]);
  expect(outcomes).toEqual([1, 1, 'wait for 2 verbs of which 1 were posted: it would never end']);
});

test('mistakes that only this fabric sees are named', () => {
  const node = oneNode();
  const messages: string[] = [];
  node.start(
    (function* () {
      const used = write(0, new Uint8Array(8));
      yield* used;
      const again = [
        read(1.5, new Uint8Array(8)),
        read(Number.NaN, new Uint8Array(8)),
        fence(0, 1),
      ];
      for (const mistake of [post(used), ...again]) {
        try {
          yield* mistake;
        } catch (error) {
          messages.push((error as Error).message);
        }
      }
    })(),
  );
  runTogether([node]);
  expect(messages).toEqual([
    'a verb object was posted twice: make a new one',
    '8 B at node 0, offset 1.5: expected a positive multiple of 8 at a multiple of 8',
    '8 B at NaN:NaN lie outside the regions of the node',
    'fence: all nodes run in this thread, which cannot end one of them',
  ]);
});
