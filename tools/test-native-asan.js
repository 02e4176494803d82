// Builds the addon under AddressSanitizer and runs its tests with it: npm run test:native:asan.
// Leaks are not looked for: Node itself leaves too much at exit. The tests count what is open instead.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const run = (args, env = {}) =>
  spawnSync(process.execPath, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });

const built = run(['tools/build-native.js', '--required', '--asan']);
if (built.status !== 0) process.exit(1);

const compiler = process.env.CXX ?? 'g++';
const library = execFileSync(compiler, ['-print-file-name=libasan.so'], {
  encoding: 'utf8',
}).trim();
if (!existsSync(library)) {
  console.error(`farside: ${compiler} has no libasan.so: apt-get install libasan8`);
  process.exit(1);
}
const tests = run(['node_modules/vitest/vitest.mjs', 'run', 'dist/src/fabric/verbs'], {
  FARSIDE_ADDON: path.join(root, 'build/Release/farside_asan.node'),
  LD_PRELOAD: library,
  ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1:detect_odr_violation=1',
});
process.exit(tests.status ?? 1);
