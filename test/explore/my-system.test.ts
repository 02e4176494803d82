import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/lab/package.ts';
import type { System } from '../../src/systems/system.ts';
import { type Shown, scenario, searchFor } from '../support/twin-scenarios.ts';

/** The mistakes that docs/your-own-system.md makes, as changes of the example's text. */
const mistakes: Readonly<Record<string, { from: string; to: string; shown: Shown }>> = {
  'the word before the record': {
    from: `      write(address + this.placeOf(count), this.record.subarray(0, bytes)),
      writeWord(address, BigInt(count)),
`,
    to: `      writeWord(address, BigInt(count)),
      write(address + this.placeOf(count), this.record.subarray(0, bytes)),
`,
    shown: { scenario: crashed(), schedules: 1000, names: 'progress' },
  },
  'no look at the version': {
    from: 'version === this.count && ',
    to: '',
    shown: { scenario: crashed(), schedules: 10_000, scheduler: 'slow', names: 'linearizable' },
  },
  'no fence before the repair': {
    from: '  for (const { id } of memoryNodes) yield* fence(id, fault.incarnation);\n',
    to: '',
    shown: { scenario: crashed(), schedules: 3000, scheduler: 'slow', names: 'progress' },
  },
  'a WRITE frees the slot': {
    from: 'const freeing = cas(addresses[i], word, word & 0xffffffffn);',
    to: 'const freeing = writeWord(addresses[i], word & 0xffffffffn);',
    shown: { scenario: crashed({ recoverers: 2 }), schedules: 5000, names: 'linearizable' },
  },
};

function crashed(more: Parameters<typeof scenario>[1] = {}): ReturnType<typeof scenario> {
  return scenario('get get put get/put put get put/get put insert get', {
    computeNodes: 3,
    faults: [{ kind: 'crash', count: 1 }],
    ...more,
  });
}

const example = path.join(packageRoot, 'examples/my-system.js');
let folder = '';

async function load(file: string): Promise<System> {
  return ((await import(pathToFileURL(file).href)) as { readonly system: System }).system;
}

// Below the package, where the example's `import … from 'farside'` finds it.
beforeAll(async () => {
  folder = await mkdtemp(path.join(packageRoot, 'dist/my-system-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('the example of a system of your own, and the mistakes of its tutorial', () => {
  test.each(Object.entries(mistakes))('%s is found', async (name, { from, to, shown }) => {
    const text = await readFile(example, 'utf8');
    expect(text.split(from)).toHaveLength(2);
    const file = path.join(folder, `${name.replaceAll(' ', '-')}.js`);
    await writeFile(file, text.replace(from, to));
    const { failure } = searchFor(await load(file), shown);
    expect(failure?.judgement).toMatchObject({ promise: shown.names });
  });

  test.each(Object.entries(mistakes))(
    'without "%s" the same search finds nothing',
    async (_, { shown }) => {
      const { failure } = searchFor(await load(example), { ...shown, schedules: 1000 });
      expect(failure).toBeUndefined();
    },
  );
});
