import { assert } from '../../core/errors.ts';
import { keyBytesMax } from '../../core/key.ts';
import { valueBytesMax } from '../../core/record.ts';
import { configureFrom, type SettingsOf } from '../parameters.ts';
import type { StoreShape, SystemParameter } from '../system.ts';

export const directParameters = [
  {
    name: 'checksumBy',
    type: 'choice',
    choices: ['crc', 'crc32c'],
    default: 'crc',
    summary: "what a checksum costs: crc, a table byte by byte as in the authors' code, or crc32c",
  },
  {
    name: 'readers',
    type: 'choice',
    choices: ['ignore-lock', 'spin-on-lock'],
    default: 'ignore-lock',
    summary:
      'whether a get ignores the lock, as in the paper, or retries while it is held, as in the ' +
      "authors' code",
  },
  {
    name: 'redo',
    type: 'boolean',
    default: true,
    summary:
      'write the redo copy first; without it a put is 3 round trips and may be lost half-done',
  },
  {
    name: 'lockRetriesMax',
    type: 'integer',
    minimum: 1,
    default: 100_000,
    summary: 'attempts at one lock before a put, insert or delete gives up with FARSIDE_LIMIT',
  },
  {
    name: 'readRetriesMax',
    type: 'integer',
    minimum: 1,
    default: 100_000,
    summary: 'torn READs of one copy of a record before a get turns to the next copy, or gives up',
  },
  {
    name: 'backOffNsMin',
    type: 'integer',
    minimum: 0,
    default: 500,
    unit: 'ns',
    summary: 'mean of the first pause after a lock was found held; it doubles each time',
  },
  {
    name: 'backOffNsMax',
    type: 'integer',
    minimum: 0,
    default: 16_000,
    unit: 'ns',
    summary: 'the mean of the pause never grows beyond this',
  },
] as const satisfies readonly SystemParameter[];

export type DirectConfig = SettingsOf<typeof directParameters>;

export function configureDirect(
  raw: Readonly<Record<string, unknown>>,
  shape: StoreShape,
): DirectConfig {
  const config = configureFrom('direct', directParameters, raw);
  assert(
    config.backOffNsMin <= config.backOffNsMax,
    () =>
      `direct.backOffNsMin is ${config.backOffNsMin}: expected at most backOffNsMax, ` +
      `which is ${config.backOffNsMax}`,
    'FARSIDE_USAGE',
  );
  assert(
    shape.valueBytesMax >= 1 && shape.valueBytesMax <= valueBytesMax,
    () => `values of ${shape.valueBytesMax} bytes: direct stores 1 to ${valueBytesMax}`,
    'FARSIDE_USAGE',
  );
  assert(
    shape.keyBytesMax >= 1 && shape.keyBytesMax <= keyBytesMax,
    () => `keys of ${shape.keyBytesMax} bytes: direct stores 1 to ${keyBytesMax}`,
    'FARSIDE_USAGE',
  );
  return config;
}
