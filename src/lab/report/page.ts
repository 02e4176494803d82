import { warningsOf } from '../output/columns.ts';
import { failureLines } from '../output/failures.ts';
import { counted, formatBytes } from '../output/format.ts';
import { heading } from '../output/heading.ts';
import { pointLabel, seedList } from '../output/names.ts';
import { sideTables } from '../output/side-tables.ts';
import type { ExperimentResult } from '../result.ts';
import { type GroupSummary, summarize } from '../statistics/summary.ts';
import { counterTables } from './counter-tables.ts';
import { definitions, faultDefinitions } from './definitions.ts';
import { Html, html } from './html.ts';
import { inlineSvg } from './picture.ts';
import type { Plot } from './plot.ts';
import { detailedPoints, plotsOf } from './plots.ts';
import { script, stylesheet } from './style.ts';
import { panelsLeftOut } from './sweep-plots.ts';
import { parameterTable, resultTables, runTable, sideTable } from './tables.ts';

/**
 * The whole result as one page that needs nothing else: tables, pictures as inline SVG, what is
 * needed to run it again, and how to read it. Its content policy forbids it to load anything;
 * every text that a user or a file supplied is escaped.
 */
export function reportPage(result: ExperimentResult): string {
  const groups = summarize(result);
  const plots = plotsOf(result).map((plot, index) => ({
    plot,
    svg: inlineSvg(plot, `plot-${index}`),
  }));
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>${result.name} – farside</title>
<style>${new Html(stylesheet)}</style></head>
<body>
${header(result, groups)}
<main>
<section id="numbers"><h2>Numbers</h2>
${resultTables(result, groups)}
${sideTables(result).map(sideTable)}</section>
<section id="plots"><h2>Plots</h2>
${plotSections(result, groups, plots)}</section>
${reading(result)}
${running(result, groups)}
</main>
<footer><p>Written by farside ${result.farsideVersion}.</p></footer>
<script>${new Html(script)}</script>
</body></html>
`;
  return page.text;
}

function header(result: ExperimentResult, groups: readonly GroupSummary[]): Html {
  const warnings = [
    ...(result.partial
      ? [`Partial: the experiment was interrupted; ${result.runs.length} runs had finished.`]
      : []),
    ...failureLines(result.failures),
    ...warningsOf(groups),
  ];
  const warning =
    warnings.length === 0
      ? undefined
      : html`<div class="warning" role="note"><ul>
${warnings.map((text) => html`<li>${text}</li>`)}</ul></div>`;
  return html`<header><h1>${result.name}</h1>
${heading(result).map((line) => html`<p class="lead">${line}</p>\n`)}
${warning}
<nav aria-label="Sections"><a href="#numbers">Numbers</a><a href="#plots">Plots</a>
<a href="#reading">How to read this</a><a href="#running">How it was run</a></nav></header>`;
}

interface Drawn {
  readonly plot: Plot;
  readonly svg: Html;
}

function plotSections(
  result: ExperimentResult,
  groups: readonly GroupSummary[],
  plots: readonly Drawn[],
): Html {
  const across = plots.filter(({ plot }) => plot.point === undefined);
  const points = detailedPoints(groups);
  const all = new Set(groups.map((group) => pointLabel(group.point))).size;
  const left = panelsLeftOut(result, groups);
  const notes = [
    ...(left > 0
      ? [`${left} more combinations of axes have no plot against an axis; the table has them all.`]
      : []),
    ...(points.length < all
      ? [`Of ${all} points, ${points.length} are drawn in detail; the table has them all.`]
      : []),
  ];
  return html`<div class="plots">${across.map(figure)}</div>
${notes.map((text) => html`<p>${text}</p>\n`)}
${points.map((members, index) => {
  const label = pointLabel(members[0]!.point);
  const own = plots.filter(
    ({ plot }) => plot.point !== undefined && pointLabel(plot.point) === label,
  );
  const figures = html`<div class="plots">${own.map(figure)}</div>\n`;
  if (label === '') return figures;
  // The last point is the largest load in most sweeps: the one to look at first.
  const open = new Html(index === points.length - 1 ? ' open' : '');
  return html`<details${open}><summary>At ${label}</summary>${figures}</details>\n`;
})}`;
}

function figure({ svg }: Drawn): Html {
  return html`<figure>${svg}</figure>\n`;
}

function reading({ runs }: ExperimentResult): Html {
  const isFaulty = runs.some(({ faults }) => faults !== undefined);
  const terms = isFaulty ? [...definitions, ...faultDefinitions] : definitions;
  return html`<section id="reading"><h2>How to read this</h2><dl>
${terms.map(([term, meaning]) => html`<dt>${term}</dt><dd>${meaning}</dd>\n`)}
</dl></section>`;
}

function running(result: ExperimentResult, groups: readonly GroupSummary[]): Html {
  const { host } = result;
  const simulated = result.runs.every((run) => run.eventHash !== undefined);
  const promise = simulated
    ? 'Time is virtual: the numbers and event hashes come out the same on any machine.'
    : 'Time is real: the numbers depend on the machine and on what else it does.';
  return html`<section id="running"><h2>How it was run</h2>
<p>Started ${result.startedAt} with farside ${result.farsideVersion} on Node ${host.node},
${host.platform}: ${host.cpuModel}, ${counted(host.cores, 'core')}, ${formatBytes(host.memoryBytes)} of
memory. Seeds: ${seedList(result.seeds)}. ${promise}</p>
<p>To run it again:</p>
<pre><code>${commandLine(result.commandLine)}</code></pre>
${parameterTable(result)}
<details><summary>All runs, with event hashes</summary>${runTable(result)}</details>
<details><summary>Counters of the systems</summary>
${counterTables(groups) ?? html`<p>No system counted anything.</p>`}</details></section>`;
}

/** As it can be pasted into a shell. */
export function commandLine(words: readonly string[]): string {
  return words
    .map((word) =>
      /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`,
    )
    .join(' ');
}
