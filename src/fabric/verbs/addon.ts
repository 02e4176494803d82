import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { FarsideError } from '../../core/errors.ts';
import type { Native } from './native.ts';

/** Why verbs cannot be used in this process, and the one step that changes it. */
export interface VerbsMissing {
  readonly what: 'platform' | 'addon' | 'library';
  readonly why: string;
  readonly step: string;
}

const require = createRequire(import.meta.url);

/**
 * The compiled module lies in dist/src/fabric/verbs of the package, the source in src/fabric/verbs: look
 * upwards for the folder that holds binding.gyp.
 */
function packageFolder(): string | undefined {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(folder, 'binding.gyp'))) {
    const parent = path.dirname(folder);
    if (parent === folder) return undefined;
    folder = parent;
  }
  return folder;
}

/** FARSIDE_ADDON names another build of the addon: one under AddressSanitizer, say. */
export function addonFile(): string | undefined {
  if (process.env.FARSIDE_ADDON) return process.env.FARSIDE_ADDON;
  const folder = packageFolder();
  return folder === undefined ? undefined : path.join(folder, 'build/Release/farside.node');
}

let loaded: Native | undefined;

/**
 * Loads the addon, at most once a thread. FARSIDE_UNSUPPORTED where it was not built; it loads without
 * rdma-core, since that is opened when a device is first asked for (`verbsMissing` asks).
 */
export function loadAddon(): Native {
  if (loaded !== undefined) return loaded;
  const missing = addonMissing();
  if (missing !== undefined) throw unsupported(missing);
  try {
    loaded = require(addonFile() as string) as Native;
  } catch (cause) {
    throw unsupported({
      what: 'addon',
      why: `the addon does not load: ${cause instanceof Error ? cause.message : String(cause)}`,
      step: buildStep,
    });
  }
  return loaded;
}

const buildStep =
  'apt-get install g++ make python3 libibverbs-dev librdmacm-dev, then npm run build:native';

function addonMissing(): VerbsMissing | undefined {
  if (process.platform !== 'linux') {
    return {
      what: 'platform',
      why: `RDMA verbs need Linux, this is ${process.platform}`,
      step: 'use --fabric shared or --fabric sim',
    };
  }
  const file = addonFile();
  if (file !== undefined && existsSync(file)) return undefined;
  return { what: 'addon', why: 'the addon has not been built', step: buildStep };
}

/** What keeps verbs from being used here, devices apart; undefined where nothing does. */
export function verbsMissing(): VerbsMissing | undefined {
  const missing = addonMissing();
  if (missing !== undefined) return missing;
  const why = loadAddon().missingLibrary();
  if (why === undefined) return undefined;
  const name = why.includes('librdmacm') ? 'librdmacm1' : 'libibverbs1';
  return { what: 'library', why, step: `apt-get install ${name} ibverbs-providers (rdma-core)` };
}

function unsupported({ why, step }: VerbsMissing): FarsideError {
  return new FarsideError('FARSIDE_UNSUPPORTED', `fabric verbs: ${why}; ${step}`);
}
