import { type TableBlock, tableBlocks } from '../output/columns.ts';
import type { SideTable } from '../output/fault-rows.ts';
import { formatCount, formatNs } from '../output/format.ts';
import { axisLabel, pointLabel, systemLabel, valueLabel } from '../output/names.ts';
import type { ExperimentResult, ParameterValue, RunResult } from '../result.ts';
import { type GroupSummary, kindsOf, systemsOf } from '../statistics/summary.ts';
import { Html, html } from './html.ts';
import { systemStyles } from './palette.ts';

/** The terminal's tables as tables. */
export function resultTables(result: ExperimentResult, groups: readonly GroupSummary[]): Html[] {
  const styles = systemStyles(systemsOf(groups));
  return tableBlocks(groups, kindsOf(groups))
    .filter((block) => block.rows.length > 0)
    .map((block) => resultTable(result, block, styles));
}

function resultTable(
  result: ExperimentResult,
  block: TableBlock,
  styles: ReturnType<typeof systemStyles>,
): Html {
  const heads = [
    ...result.axes.map((axis) => html`<th scope="col">${axisLabel(axis.path)}</th>`),
    html`<th scope="col" class="text">system</th>`,
    ...block.columns.map(
      (words) => html`<th scope="col">${words[0]}<br>${words.slice(1).join(' ')}</th>`,
    ),
  ];
  let last = '';
  const rows = block.rows.map(({ group, cells }) => {
    const point = pointLabel(group.point);
    const isFirst = point !== last && last !== '';
    last = point;
    const axes = result.axes.map((axis) => html`<td>${valueLabel(group.point[axis.path])}</td>`);
    const color = styles.get(group.system)!.color.name;
    return html`<tr${new Html(isFirst ? ' class="first"' : '')}>${axes}<th scope="row" class="text">
<span class="swatch" style="background:var(--${color})"></span>${systemLabel(group.system)}</th>
${cells.map((cell) => html`<td>${cell}</td>`)}</tr>\n`;
  });
  return html`<div class="scroll" tabindex="0"><table>
<caption>${block.title}</caption>
<thead><tr>${heads}</tr></thead><tbody>${rows}</tbody></table></div>\n`;
}

/** Parameters that all runs share; then those that differ, with their values. */
export function parameterTable(result: ExperimentResult): Html {
  const values = new Map<string, Set<ParameterValue>>();
  for (const run of result.runs) {
    for (const [path, value] of Object.entries(run.parameters)) {
      values.set(path, (values.get(path) ?? new Set()).add(value));
    }
  }
  const shownMax = 12;
  const rows = [...values].map(([path, set]) => {
    const shown = [...set].slice(0, shownMax).map(String).join(', ');
    const more = set.size > shownMax ? `, and ${set.size - shownMax} more` : '';
    return html`<tr><th scope="row" class="text">${path}</th>
<td class="text wrap">${shown}${more}</td></tr>\n`;
  });
  return html`<div class="scroll" tabindex="0"><table>
<caption>Parameters, defaults included</caption>
<thead><tr><th scope="col" class="text">parameter</th><th scope="col" class="text">value; several
where runs differ</th></tr></thead><tbody>${rows}</tbody></table></div>\n`;
}

/** Each run by itself: what to compare when somebody runs it again. */
export function runTable(result: ExperimentResult): Html {
  const rows = result.runs.map((run) => runRow(result, run));
  return html`<div class="scroll" tabindex="0"><table>
<caption>Runs</caption><thead><tr>
${result.axes.map((axis) => html`<th scope="col">${axisLabel(axis.path)}</th>`)}
<th scope="col" class="text">system</th><th scope="col">seed</th>
<th scope="col">operations</th><th scope="col">measured<br>time</th>
<th scope="col">verbs,<br>all phases</th><th scope="col">wall clock</th>
<th scope="col" class="text">event hash</th></tr></thead><tbody>${rows}</tbody></table></div>\n`;
}

function runRow(result: ExperimentResult, run: RunResult): Html {
  return html`<tr>
${result.axes.map((axis) => html`<td>${valueLabel(run.point[axis.path])}</td>`)}
<th scope="row" class="text">${systemLabel(run.system)}</th><td>${run.seed}</td>
<td>${formatCount(run.operations)}</td><td>${formatNs(run.durationNs)}</td>
<td>${formatCount(run.verbs)}</td><td>${formatNs(run.wallClockNs)}</td>
<td class="text code">${run.eventHash ?? '–'}</td></tr>\n`;
}

/** What went wrong on purpose, who took part, how passive memory was. */
export function sideTable({ title, heads: names, textColumns, rows }: SideTable): Html {
  const isText = (column: number): boolean => column < textColumns;
  const heads = names.map((head, i) => {
    const words = head.split('\n');
    return isText(i)
      ? html`<th scope="col" class="text">${head}</th>`
      : html`<th scope="col">${words[0]}<br>${words.slice(1).join(' ')}</th>`;
  });
  const cells = (row: readonly string[]): Html[] =>
    row.map((cell, i) =>
      isText(i) ? html`<td class="text">${cell}</td>` : html`<td>${cell}</td>`,
    );
  return html`<div class="scroll" tabindex="0"><table>
<caption>${title[0]?.toUpperCase()}${title.slice(1)}</caption><thead><tr>${heads}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${cells(row)}</tr>\n`)}</tbody></table></div>\n`;
}
