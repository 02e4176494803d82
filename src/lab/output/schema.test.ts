import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { sampleResult } from '../../../test/support/results.ts';
import {
  experimentResultSchema,
  parseResult,
  resultJsonSchema,
  serializeResult,
} from './schema.ts';

const result = sampleResult({ computeNodes: [1, 8], seeds: [1], openLoop: true });

/** What JSON makes of `undefined`. */
function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

describe('results.json', () => {
  test('is what its schema says', () => {
    expect(experimentResultSchema.safeParse(asJson(result)).error).toBeUndefined();
  });

  test('comes back as it was written', () => {
    expect(asJson(parseResult(serializeResult(result), 'results.json'))).toEqual(asJson(result));
  });

  test('may lack a profile, an event hash and intended latencies', () => {
    const [run] = result.runs;
    const real = { ...run!, fabric: 'shared', profile: undefined, eventHash: undefined };
    const text = serializeResult({ ...result, runs: [real] });
    expect(parseResult(text, 'results.json').runs[0]!.profile).toBeUndefined();
  });

  test.each([
    ['{', 'x.json:1: not JSON'],
    ['null', 'x.json: the whole file: '],
    ['{"resultVersion": 99}', 'x.json: results of version 99, and this farside reads version 3'],
    [serializeResult(result).replace('"seed": 1', '"seed": "one"'), 'x.json: runs.0.seed: '],
    [serializeResult(result).replace('"wallClockNs"', '"wallclock"'), 'runs.0.wallClockNs'],
  ])('is refused with its place where it is wrong', (text, message) => {
    expect(() => parseResult(text, 'x.json')).toThrow(message);
    expect(() => parseResult(text, 'x.json')).toThrow(
      expect.objectContaining({ code: 'FARSIDE_INPUT' }),
    );
  });

  test('has a JSON Schema that forbids unknown keys', () => {
    const schema = resultJsonSchema();
    expect(schema).toMatchObject({ type: 'object', additionalProperties: false });
    expect(schema.required).toContain('runs');
  });

  test('is documented by docs/results.schema.json', async () => {
    // The compiled test lies four folders below the root. `npm run docs` makes it anew.
    const here = path.dirname(fileURLToPath(import.meta.url));
    const file = path.resolve(here, '../../../../docs/results.schema.json');
    const text = `${JSON.stringify(resultJsonSchema(), undefined, 2)}\n`;
    await expect(text).toMatchFileSnapshot(file);
  });
});
