import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { draftOfFlags } from '../../src/cli/experiment-flags.ts';
import { buildProgram } from '../../src/cli/program.ts';
import { examplesOf } from '../docs/reference.ts';
import { runCli, temporaryFolder } from '../support/cli.ts';

vi.setConfig({ testTimeout: 240_000 });

const program = buildProgram();
const commands = program.commands.filter((command) => command.name() !== 'help');
const examples = commands.flatMap((command) =>
  examplesOf(command).map((example) => ({ command, example })),
);

let folder: ReturnType<typeof temporaryFolder>;
beforeAll(() => {
  folder = temporaryFolder();
});
afterAll(() => folder.remove());

test.each(commands.map((command) => [command.name(), command] as const))(
  'farside %s --help ends with an example',
  (_, command) => {
    expect(examplesOf(command).length).toBeGreaterThan(0);
  },
);

test.each(examples.map(({ command, example }) => [example, command] as const))(
  '%s parses',
  (example, command) => {
    const [, name, ...args] = example.split(' ');
    expect(name).toBe(command.name());
    const { operands, unknown } = command.parseOptions(args);
    expect(unknown).toEqual([]);
    expect(operands.length).toBeLessThanOrEqual(command.registeredArguments.length);
    expect(() => draftOfFlags(command.opts())).not.toThrow();
  },
);

test('help goes to stdout and is no mistake', async () => {
  for (const args of [[], ['--help'], ['run', '--help'], ['help', 'compare']]) {
    const { code, stdout, stderr } = await runCli(folder.dir, args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: farside/);
  }
});

test('the version is that of the package', async () => {
  const { code, stdout } = await runCli(folder.dir, ['--version']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});
