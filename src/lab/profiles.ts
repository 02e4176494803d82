import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { adjustProfile, type Profile, parseProfile } from '../../sim/index.ts';
import { FarsideError } from '../core/errors.ts';
import { parseJson } from '../core/json.ts';
import { didYouMean } from '../core/nearest.ts';
import { packageRoot } from './package.ts';
import { readText } from './text-file.ts';

const shippedFolder = path.join(packageRoot, 'sim/profiles');

/** Names of the cost models that farside ships. */
export function shippedProfiles(): string[] {
  return readdirSync(shippedFolder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length))
    .sort();
}

/**
 * A cost model by name or by path, with some of its numbers changed (`cpu.postNs: 100`). FARSIDE_USAGE
 * where there is none of that name, FARSIDE_INPUT where a number is missing, unknown or not a number.
 */
export function openProfile(
  nameOrPath: string,
  overrides: Readonly<Record<string, number>>,
): Profile {
  const file = profileFile(nameOrPath);
  let profile = parseProfile(parseJson(readText(file), `profile ${file}`), nameOrPath);
  const numbers = [...profile.sources.keys()];
  for (const [number, value] of Object.entries(overrides)) {
    if (!numbers.includes(number)) {
      throw new FarsideError(
        'FARSIDE_USAGE',
        `profile.${number}: profile ${nameOrPath} has no such number${didYouMean(number, numbers)}`,
      );
    }
    profile = adjustProfile(profile, number, value);
  }
  return profile;
}

function profileFile(nameOrPath: string): string {
  const shipped = path.join(shippedFolder, `${nameOrPath}.json`);
  if (existsSync(shipped)) return shipped;
  if (existsSync(nameOrPath)) return nameOrPath;
  const names = shippedProfiles();
  throw new FarsideError(
    'FARSIDE_USAGE',
    `there is no profile ${nameOrPath}${didYouMean(nameOrPath, names)} ` +
      `(there are: ${names.join(', ')}; or the path of a JSON file)`,
  );
}
