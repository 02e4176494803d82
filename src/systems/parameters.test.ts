import { expect, test } from 'vitest';
import { configureFrom } from './parameters.ts';
import type { SystemParameter } from './system.ts';

const declared = [
  {
    name: 'checksumBy',
    type: 'choice',
    choices: ['crc', 'crc32c'],
    default: 'crc',
    summary: 'how',
  },
  { name: 'redo', type: 'boolean', default: true, summary: 'whether' },
  {
    name: 'retriesMax',
    type: 'integer',
    minimum: 1,
    default: 100,
    unit: 'attempts',
    summary: 'how often',
  },
  { name: 'share', type: 'number', minimum: 0, maximum: 1, default: 0.5, summary: 'how much' },
] as const satisfies readonly SystemParameter[];

const configure = (raw: Record<string, unknown>) => configureFrom('direct', declared, raw);

test('defaults stand where nothing is given, and what is given replaces them', () => {
  expect(configure({})).toEqual({ checksumBy: 'crc', redo: true, retriesMax: 100, share: 0.5 });
  const settings = configure({ checksumBy: 'crc32c', retriesMax: 3 });
  const checksumBy: 'crc' | 'crc32c' = settings.checksumBy;
  expect(checksumBy).toBe('crc32c');
  expect(settings.retriesMax).toBe(3);
});

test('an unknown setting is refused with the nearest right name', () => {
  expect(() => configure({ cheksumBy: 'crc' })).toThrow(
    'direct has no setting cheksumBy; did you mean checksumBy?',
  );
  expect(() => configure({ toString: 1 })).toThrow('direct has no setting toString');
});

test.each([
  [{ redo: 'yes' }, 'direct.redo is "yes": expected true or false'],
  [{ retriesMax: 0 }, 'direct.retriesMax is 0: expected an integer of at least 1, in attempts'],
  [{ retriesMax: 2.5 }, 'expected an integer of at least 1'],
  [{ retriesMax: '3' }, 'direct.retriesMax is "3": expected an integer'],
  [{ share: 2 }, 'direct.share is 2: expected a number from 0 to 1'],
  [{ share: Number.NaN }, 'expected a number from 0 to 1'],
  [{ checksumBy: 'crc23c' }, 'expected one of crc, crc32c; did you mean crc32c?'],
  [{ checksumBy: null }, 'direct.checksumBy is null: expected one of crc, crc32c'],
])('a wrong value is refused, saying what was expected: %j', (raw, message) => {
  expect(() => configure(raw)).toThrow(message);
  expect(() => configure(raw)).toThrow(expect.objectContaining({ code: 'FARSIDE_USAGE' }));
});
