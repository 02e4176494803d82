import { styleText } from 'node:util';
import CliTable3 from 'cli-table3';
import type { ExperimentResult } from '../result.ts';
import { kindsOf, summarize } from '../statistics/summary.ts';
import { type TableBlock, tableBlocks, warningsOf } from './columns.ts';
import { failureLines } from './failures.ts';
import type { SideTable } from './fault-rows.ts';
import { heading } from './heading.ts';
import { axisLabel, pointLabel, systemLabel, valueLabel } from './names.ts';
import { sideTables } from './side-tables.ts';

export interface TableOptions {
  /**
   * Width of the terminal; wider blocks name the point in a line of its own instead of in
   * columns.
   */
  readonly columns: number;
  /** Whether to emit escape sequences: `colorWanted(stream)`. */
  readonly color: boolean;
}

/** Escape sequences go to terminals only, and not where the user said NO_COLOR. */
export function colorWanted(stream: { readonly isTTY?: boolean }): boolean {
  return stream.isTTY === true && !process.env.NO_COLOR;
}

/**
 * The result as text: one block for throughput and cost, one an operation kind, one for
 * resources.
 */
export function renderTable(result: ExperimentResult, options: TableOptions): string {
  const groups = summarize(result);
  const paint = (format: 'bold' | 'dim' | 'red' | 'yellow', text: string): string =>
    options.color ? styleText(format, text, { validateStream: false }) : text;
  const above = heading(result).flatMap((line) => wrap(line, options.columns).split('\n'));
  const lines = [paint('bold', result.name), ...above.map((line) => paint('dim', line))];
  if (result.partial) {
    lines.push(paint('yellow', `partial: interrupted after ${result.runs.length} runs`));
  }
  for (const block of tableBlocks(groups, kindsOf(groups))) {
    if (block.rows.length === 0) continue;
    lines.push('', paint('bold', block.title), renderBlock(result, block, options.columns));
  }
  for (const side of sideTables(result)) {
    lines.push('', paint('bold', side.title), renderSide(side));
  }
  const warnings = [...failureLines(result.failures), ...warningsOf(groups)];
  if (warnings.length > 0) lines.push('', ...warnings.map((line) => paint('red', line)));
  return `${lines.join('\n')}\n`;
}

const frame: Partial<Record<CliTable3.CharName, string>> = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
  mid: '─',
  'mid-mid': '──',
};

function renderBlock(result: ExperimentResult, block: TableBlock, columns: number): string {
  const inColumns = renderRows(result, block, true, columns);
  const widest = Math.max(...inColumns.split('\n').map((line) => line.length));
  return widest <= columns ? inColumns : renderRows(result, block, false, columns);
}

function renderRows(
  result: ExperimentResult,
  block: TableBlock,
  axesInColumns: boolean,
  columns: number,
): string {
  const axes = axesInColumns ? result.axes : [];
  const head = [...axes.map((axis) => axisLabel(axis.path)), 'system'].map((text) => [text]);
  const table = new CliTable3({
    chars: frame,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
    colAligns: [
      ...axes.map(() => 'right' as const),
      'left',
      ...block.columns.map(() => 'right' as const),
    ],
    head: [...head, ...block.columns].map((words) => words.join('\n')),
  });
  let lastPoint: string | undefined;
  for (const { group, cells } of block.rows) {
    const point = pointLabel(group.point);
    const isNew = point !== lastPoint;
    lastPoint = point;
    if (isNew && !axesInColumns && point !== '') {
      const content = wrap(point, columns);
      table.push([{ content, colSpan: block.columns.length + 1 }]);
    }
    const axisCells = axes.map((axis) => (isNew ? valueLabel(group.point[axis.path]) : ''));
    const indent = axesInColumns || point === '' ? '' : '  ';
    table.push([...axisCells, indent + systemLabel(group.system), ...cells]);
  }
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

function renderSide({ heads, textColumns, rows }: SideTable): string {
  const table = new CliTable3({
    chars: frame,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
    colAligns: heads.map((_, i) => (i < textColumns ? 'left' : 'right')),
    head: [...heads],
  });
  table.push(...rows);
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** Breaks after commas and semicolons: no line is longer than `columns` but where a single item is. */
function wrap(text: string, columns: number): string {
  const lines = [''];
  for (const item of text.split(/(?<=[,;]) /)) {
    const last = lines.at(-1) as string;
    const joined = last === '' ? item : `${last} ${item}`;
    if (joined.length <= columns - 2 || last === '') lines[lines.length - 1] = joined;
    else lines.push(item);
  }
  return lines.join('\n');
}
