import { describe, expect, test } from 'vitest';
import { sampleResult } from '../../../test/support/results.ts';
import { escapeHtml, html } from './html.ts';
import { commandLine, reportPage } from './page.ts';

const single = sampleResult({ computeNodes: [4], seeds: [1, 2], samples: 300 });

describe('the report', () => {
  const page = reportPage(sampleResult({ samples: 200 }));

  test('needs nothing from anywhere else', () => {
    expect(page).not.toMatch(/<(?:link|img|iframe|object|embed)\b/);
    expect(page).not.toMatch(/\bsrc=|@import|url\((?!#)/);
    expect(page.match(/href="[^"]*"/g)).toEqual(
      ['numbers', 'plots', 'reading', 'running'].map((id) => `href="#${id}"`),
    );
    expect(page).toContain("default-src 'none'");
  });

  test('has tables, pictures with descriptions, and what it takes to run it again', () => {
    expect(page.match(/<caption>/g)!.length).toBeGreaterThanOrEqual(6);
    const pictures = page.match(/<svg [^>]*>/g)!;
    for (const picture of pictures) expect(picture).toMatch(/role="img" aria-label="[^"]{40,}"/);
    expect(page).toContain(
      'farside compare experiments/ycsb-b.yaml --out &#39;results/ycsb b&#39;',
    );
    expect(page).toContain('Seeds: 1, 2, 3');
    expect(page).toContain('Node v20.19.0');
  });

  test('names every run with its event hash', () => {
    const { runs } = single;
    const text = reportPage(single);
    expect(new Set(runs.map((run) => run.eventHash)).size).toBe(runs.length);
    for (const run of runs) expect(text).toContain(run.eventHash);
  });

  test('has no id twice', () => {
    const ids = [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('opens the last point of a sweep', () => {
    expect(page.match(/<details[^>]*><summary>At [^<]*/g)).toEqual([
      '<details><summary>At compute nodes 1',
      '<details><summary>At compute nodes 2',
      '<details><summary>At compute nodes 4',
      '<details open><summary>At compute nodes 8',
    ]);
  });

  test('colours pictures by variables, so that they follow the scheme of the page', () => {
    expect(page).toContain('stroke="var(--system-2)"');
    expect(page).toContain('fill="var(--ink)"');
  });

  test('escapes everything that a user supplied', () => {
    const evil = `"><script>alert('x')</script>&`;
    const [run] = single.runs;
    const hostile = reportPage({
      ...single,
      name: evil,
      commandLine: [evil],
      host: { ...single.host, cpuModel: evil },
      axes: [{ path: evil, values: [evil, 'b'] }],
      runs: [
        {
          ...run!,
          system: evil,
          workload: evil,
          profile: evil,
          point: { [evil]: evil },
          parameters: { [evil]: evil },
          perOperation: { [evil]: run!.perOperation.read! },
          cpu: { [evil]: run!.cpu.compute! },
          events: { [evil]: 1 },
          eventHash: evil,
        },
      ],
    });
    expect(hostile.match(/<script>/g)).toHaveLength(1);
    expect(hostile).not.toContain("alert('x')");
  });

  test('says what went wrong and what is missing', () => {
    const runs = single.runs.map((run) => ({ ...run, skippedLines: 7 }));
    const failed = { system: 'clover', fabric: 'sim', seed: 4, point: {}, code: undefined };
    const failures = [{ ...failed, message: 'it <broke>' }];
    const text = reportPage({ ...single, runs, failures, partial: true });
    expect(text).toContain('failed: clover, seed 4: it &lt;broke&gt;');
    expect(text).toContain('Partial: the experiment was interrupted');
    expect(text).toContain('skipped 14 bad trace lines');
    expect(reportPage({ ...single, runs: [], partial: true })).toContain('no run finished');
  });
});

describe('a command line', () => {
  test('can be pasted into a shell', () => {
    expect(commandLine(['farside', 'run', '--set', "a=it's b"])).toBe(
      `farside run --set 'a=it'\\''s b'`,
    );
    expect(commandLine(['x', ''])).toBe("x ''");
  });
});

describe('html', () => {
  test('escapes values, joins lists, and leaves markup alone', () => {
    expect(html`<p>${'<&>'}${['a', html`<b>${'"'}</b>`]}${undefined}${3}</p>`.text).toBe(
      '<p>&lt;&amp;&gt;a<b>&quot;</b>3</p>',
    );
    expect(escapeHtml('a\u0000\u001bb')).toBe('ab');
  });
});
