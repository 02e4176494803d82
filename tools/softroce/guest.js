// A guest of run.sh as the tests drive it: its lines as they come, its end, and its death.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

const running = new Set();

/** Ends every guest that still runs, such as one whose peer has failed. */
export async function endGuests() {
  for (const guest of running) guest.kill();
  await Promise.all([...running].map(({ ended }) => ended));
}

/**
 * Boots a guest and runs `command` (for bash) in it. `name` leads the lines that it prints here, and is its
 * folder under softroce-out, which is `$OUT` in the guest. `onLine` hears each line too.
 */
export function bootGuest(name, { options = [], command, env = {}, onLine = () => {} }) {
  const out = path.join(root, 'softroce-out', name);
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const child = spawn('tools/softroce/run.sh', [...options, 'bash', '-c', command], {
    cwd: root,
    env: { ...process.env, ...env, SOFTROCE_OUT: out },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const waiting = new Set();
  const hear = (line) => {
    console.log(`${name}: ${line}`);
    onLine(line);
    for (const one of [...waiting]) one(line);
  };
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', hear);
  }
  const ended = new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
  const guest = {
    out,
    /** Its exit status: the command's. */
    ended,
    /** The first line from now on that fits; rejects where the guest ends before. */
    line: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (line) => {
          const match = pattern.exec(line);
          if (match === null) return;
          waiting.delete(look);
          resolve(match);
        };
        waiting.add(look);
        ended.then((code) =>
          reject(new Error(`${name} ended (${code}) before it said ${pattern}`)),
        );
      }),
    /** As a power failure: QEMU itself gets SIGKILL. */
    kill: () => {
      const pid = path.join(out, '.qemu-pid');
      if (existsSync(pid)) process.kill(Number(readFileSync(pid, 'utf8')), 'SIGKILL');
      else child.kill();
    },
  };
  running.add(guest);
  ended.then(() => running.delete(guest));
  return guest;
}
