import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { prepare } from '../../src/lab/engine/prepare.ts';
import { unfit } from '../../src/lab/faults/check.ts';
import { parseFault } from '../../src/lab/faults/parse.ts';
import { packageRoot } from '../../src/lab/package.ts';
import { smallSpec } from '../support/specs.ts';

const page = readFileSync(path.join(packageRoot, 'docs/faults.md'), 'utf8');
const examples = [...page.matchAll(/^\| `([^`]+)` \|/gm)].map(([, sentence]) => sentence as string);

test('there is an example of every kind, and each can happen to a cluster of the page’s size', async () => {
  const cluster = { computeNodes: 3, memoryNodes: 4, replicas: 2, spares: 1, standbys: 1 };
  const prepared = await prepare(smallSpec({ system: 'central', cluster }));
  const kinds = examples.map((sentence) => {
    const parsed = parseFault(sentence);
    if ('expected' in parsed) throw new Error(`${sentence}: ${parsed.expected}`);
    expect(unfit(parsed.value, prepared.spec, prepared.system, prepared.cluster)).toBeUndefined();
    return parsed.value.action.kind;
  });
  expect(new Set(kinds)).toEqual(
    new Set(['crash', 'lose', 'move', 'partition', 'slow', 'slowLink', 'loseCompletions', 'flip']),
  );
});
