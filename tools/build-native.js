// Builds the native addon (binding.gyp), which is optional: without it everything but the verbs fabric
// works. `npm ci` runs this as the package's install script, and must succeed whatever is missing here;
// `npm run build:native` runs it with --required, and then says what is missing and fails.
//
//   node tools/build-native.js [--required] [--asan]
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const required = process.argv.includes('--required');
const asan = process.argv.includes('--asan');

/** Ends with one line. Without --required a missing addon is not an error. */
function give(up) {
  const means = 'the verbs fabric is not available, all else is';
  console.log(`farside: native addon not built: ${up}${required ? '' : ` (${means})`}`);
  process.exit(required ? 1 : 0);
}

const runs = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;

/** npm tells where its node-gyp is; started by hand, look beside the npm that belongs to this node. */
function nodeGyp() {
  const require = createRequire(import.meta.url);
  const places = [
    process.env.npm_config_node_gyp,
    ...['lib', '../share', '../lib'].map((folder) =>
      path.join(
        process.execPath,
        '../..',
        folder,
        'node_modules/npm/node_modules/node-gyp/bin/node-gyp.js',
      ),
    ),
  ];
  const found = places.find((place) => place && existsSync(place));
  if (found) return found;
  try {
    return require.resolve('node-gyp/bin/node-gyp.js');
  } catch {
    return undefined;
  }
}

/** Node's own headers, where they are installed: then nothing is downloaded. */
function nodeHeaders() {
  const prefix = path.resolve(process.execPath, '../..');
  return existsSync(path.join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : [];
}

if (process.platform !== 'linux') give(`RDMA verbs need Linux, this is ${process.platform}`);
const compiler = process.env.CXX ?? 'g++';
const packages = [
  [runs(compiler), 'g++'],
  [runs('make'), 'make'],
  [runs('python3'), 'python3'],
  [existsSync('/usr/include/infiniband/verbs.h'), 'libibverbs-dev'],
  [existsSync('/usr/include/rdma/rdma_cma.h'), 'librdmacm-dev'],
].flatMap(([there, name]) => (there ? [] : [name]));
if (packages.length > 0)
  give(`missing ${packages.join(', ')}: apt-get install ${packages.join(' ')}`);
const gyp = nodeGyp();
if (gyp === undefined) give('no node-gyp: run it through npm (npm run build:native)');

const name = asan ? 'farside_asan' : 'farside';
const file = path.join(root, 'build/Release', `${name}.node`);
const log = [];
let status = 0;
for (const [step, ...defines] of asan
  ? [['configure', '--', '-Dsanitize=1'], ['build']]
  : [['rebuild']]) {
  const {
    status: code,
    stdout,
    stderr,
  } = spawnSync(process.execPath, [gyp, step, ...nodeHeaders(), ...defines], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  log.push(stdout, stderr);
  status ||= code ?? 1;
}
if (status !== 0 || !existsSync(file)) {
  const text = log.join('');
  if (required) process.stderr.write(text);
  const error = /error: .*/.exec(text)?.[0] ?? 'node-gyp failed';
  give(required ? error : `${error}; npm run build:native shows all of it`);
}
console.log(`farside: built ${path.relative(root, file)}`);
