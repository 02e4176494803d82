import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { packageRoot } from '../../src/lab/package.ts';

/** The compiled command line, as npm's bin link starts it. */
export const mainFile = path.join(packageRoot, 'dist/src/cli/main.js');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ReturnType<typeof spawn>;
  readonly ended: Promise<Ended>;
}

/** Starts farside in `cwd`, with no terminal anywhere; `env` on top of this process's. */
export function startCli(
  cwd: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Started {
  const child = spawn(process.execPath, [mainFile, ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, FARSIDE_DEBUG: '', NO_COLOR: '1', ...env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { child, ended };
}

export async function runCli(cwd: string, args: readonly string[]): Promise<Ended> {
  return await startCli(cwd, args).ended;
}

/** A folder of its own; `remove` deletes it. */
export function temporaryFolder(): { readonly dir: string; remove(): void } {
  const dir = mkdtempSync(path.join(tmpdir(), 'farside-cli-'));
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}
