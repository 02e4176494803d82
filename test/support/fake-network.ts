import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeEach } from 'vitest';
import type { MemoryNodeReady, MemoryNodeReport } from '../../src/lab/memory-node.ts';
import type { ExperimentResult, RunResult } from '../../src/lab/result.ts';
import { type Ended, type Started, startCli, temporaryFolder } from './cli.ts';

/** Every region that one of the three systems wants of a memory node, for a few hundred keys. */
const sizes = [
  'index:4MiB',
  'data:32MiB',
  'control:64KiB',
  'shortcuts:1MiB',
  'buffers:64MiB',
].concat(['copy0:32MiB', 'pool:8MiB']);

/** As `--region` wants them; pm in files of that folder. */
function regionsOf(folder: string): string[] {
  return sizes.map((region) => {
    const [name, size] = region.split(':');
    return `${name}:pm:${size}:${folder}/${name}`;
  });
}

let networks = 0;

/** Processes whose fake devices reach each other and nobody else's. */
export class FakeNetwork {
  readonly env: Readonly<Record<string, string>>;
  readonly #cwd: string;
  readonly #children: ChildProcess[] = [];

  constructor(cwd: string) {
    this.#cwd = cwd;
    this.env = { FARSIDE_FAKE_NETWORK: `${process.pid}-${networks++}` };
  }

  start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Started {
    const started = startCli(this.#cwd, args, { ...this.env, ...env });
    this.#children.push(started.child);
    return started;
  }

  run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
    return this.start(args, env).ended;
  }

  async memoryNode(
    port: number,
    served: readonly string[] = regionsOf(this.#cwd),
  ): Promise<ServedMemory> {
    const flags = served.flatMap((region) => ['--region', region]);
    const { child, ended } = this.start(['memory-node', '--listen', `127.0.0.1:${port}`, ...flags]);
    const ready = JSON.parse(await line(child)) as MemoryNodeReady;
    return {
      at: ready.ready,
      end: async () => {
        child.kill('SIGTERM');
        const said = (await ended).stdout.trim().split('\n').at(-1) as string;
        return JSON.parse(said) as MemoryNodeReport;
      },
    };
  }

  /** Ends what a test left behind. */
  close(): void {
    for (const child of this.#children) child.kill('SIGKILL');
  }
}

export interface ServedMemory {
  readonly at: string;
  end(): Promise<MemoryNodeReport>;
}

/** The first line that a process writes to stdout. */
export async function line(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('it has no stdout');
  const [text] = (await once(createInterface(child.stdout), 'line')) as [string];
  return text;
}

/** A run on that memory, small enough for a busy machine. */
export function smallRun(
  memory: ServedMemory,
  dir: string,
  phases: readonly string[] = ['--operations', '1000'],
): readonly string[] {
  return [
    ...['--fabric', 'verbs', '--memory', memory.at, '--memory-nodes', '1'],
    ...['--compute-nodes', '2', '--clients', '1'],
    ...phases,
    ...['--workload', 'a', '--keys', '300', '--warmup', '100'],
    ...['--data-integrity', '--out', dir, '--force', '--quiet'],
  ];
}

/** Where a test's processes run: a network with one memory node, and a folder for what they write. */
export class FakeSite {
  readonly dir: string;
  /** Of a run's results. */
  readonly out: string;
  network!: FakeNetwork;
  memory!: ServedMemory;

  constructor(dir: string) {
    this.dir = dir;
    this.out = path.join(dir, 'out');
  }

  async open(): Promise<void> {
    this.network = new FakeNetwork(this.dir);
    this.memory = await this.network.memoryNode(7471);
  }

  get results(): readonly RunResult[] {
    const text = readFileSync(path.join(this.out, 'results.json'), 'utf8');
    return (JSON.parse(text) as ExperimentResult).runs;
  }
}

/** Opened anew for each test of the suite that asks for it. */
export function siteForEach(timeoutMs: number): FakeSite {
  const folder = temporaryFolder();
  const site = new FakeSite(folder.dir);
  beforeEach(() => site.open(), timeoutMs);
  afterEach(() => site.network.close());
  afterAll(() => folder.remove());
  return site;
}
