/**
 * A sequence diagram for a terminal: a lane for every node, time downwards, an arrow for every verb.
 *
 *     time us   cn0                 mn0                 ms0
 *   ┌    0.18   ├─ WRITE 1024 B ───▶│                   │
 * 1 │              0:0x4400 buffer 17: record of "user42", version 2
 *   └    1.71   ◀ done              │                   │
 *
 * The bracket on the left is one round trip and its number. Background work is drawn with dashes.
 */
export interface Lane {
  readonly node: number;
  readonly title: string;
}

export interface Step {
  readonly timeNs: number;
  readonly from: number;
  /** The same as `from` for a mark on one lane. */
  readonly to: number;
  readonly label: string;
  /** Lines below the arrow: addresses, bytes, old and new values. */
  readonly details: readonly string[];
  readonly background: boolean;
  /** Which round trip of the operation it belongs to, from 1; 0: none. */
  readonly roundTrip: number;
  /** A mark that ends its round trip. */
  readonly closes: boolean;
}

export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
}

export const plainStyle: Style = { bold: (text) => text, dim: (text) => text };

const gutterColumns = 15;
const laneColumnsMin = 14;

export function drawDiagram(
  lanes: readonly Lane[],
  steps: readonly Step[],
  columns: number,
  style: Style = plainStyle,
): string[] {
  const width = laneWidth(lanes, steps, columns);
  const lines = [
    style.bold(
      `${'time us'.padStart(11)}    ${lanes.map((l) => l.title.padEnd(width)).join('')}`.trimEnd(),
    ),
  ];
  let open = 0;
  for (const [i, step] of steps.entries()) {
    const starts = step.roundTrip > 0 && step.roundTrip !== open;
    if (starts) open = step.roundTrip;
    const inside = open > 0;
    const ends = step.closes || (inside && isLastOf(steps, i, open));
    const bracket = !inside ? ' ' : ends ? '└' : starts ? '┌' : '│';
    const number = starts ? String(open).padStart(2) : '  ';
    const time = (step.timeNs / 1000).toFixed(2).padStart(8);
    const row = arrow(lanes, step, width);
    lines.push(`${number}${bracket}${time}    ${step.background ? style.dim(row) : row}`);
    for (const detail of step.details) {
      const bar = inside && !ends ? '│' : ' ';
      lines.push(style.dim(`  ${bar}${' '.repeat(gutterColumns)}${detail}`));
    }
    if (ends) open = 0;
  }
  return lines;
}

function isLastOf(steps: readonly Step[], index: number, roundTrip: number): boolean {
  return !steps.slice(index + 1).some((step) => step.roundTrip === roundTrip);
}

/** Wide enough for the longest label between neighbours, and not wider than the terminal allows. */
function laneWidth(lanes: readonly Lane[], steps: readonly Step[], columns: number): number {
  const wanted = Math.max(laneColumnsMin, ...steps.map((step) => step.label.length + 7));
  const fits = Math.floor((columns - gutterColumns) / Math.max(1, lanes.length));
  return Math.max(laneColumnsMin, Math.min(wanted, fits));
}

function arrow(lanes: readonly Lane[], step: Step, width: number): string {
  const cells: string[] = Array.from({ length: lanes.length * width }, (_, i) =>
    i % width === 0 ? '│' : ' ',
  );
  const from = lanes.findIndex((lane) => lane.node === step.from) * width;
  const to = lanes.findIndex((lane) => lane.node === step.to) * width;
  if (from === to) {
    place(cells, from, step.closes ? '◀' : '•');
    place(cells, from + 2, step.label);
    return cells.join('').trimEnd();
  }
  const line = step.background ? '╌' : '─';
  const [left, right] = from < to ? [from, to] : [to, from];
  for (let i = left + 1; i < right; i++) cells[i] = cells[i] === '│' ? '┼' : line;
  cells[from] = from < to ? '├' : '┤';
  cells[from < to ? to - 1 : to + 1] = from < to ? '▶' : '◀';
  const room = width - 5;
  const label = step.label.length > room ? `${step.label.slice(0, room - 1)}…` : step.label;
  place(cells, from < to ? from + 2 : to + 3, ` ${label} `);
  return cells.join('').trimEnd();
}

function place(cells: string[], at: number, text: string): void {
  for (const [i, character] of [...text].entries())
    if (at + i < cells.length) cells[at + i] = character;
}
