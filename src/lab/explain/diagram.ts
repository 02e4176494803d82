/**
 * A sequence diagram for a terminal: a lane for every node, time downwards, an arrow for every verb.
 *
 *       time us   cn0                 mn0                 ms0
 *    1┌    0.18   ├─ WRITE 1024 B ───▶│                   │
 *     │              0:0x4400 buffer 17 of class 1024
 *     └    1.71   ◀ done              │                   │
 *
 * A bracket on the left is one round trip and its number; one that waits for a server encloses the
 * server's own. Background work is drawn with dashes.
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
}

/** One round trip: the steps, by index, with which it begins and ends. */
export interface Bracket {
  readonly first: number;
  readonly last: number;
  readonly number: number;
}

export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
}

/** What the column on the left says. */
export interface Clock {
  readonly title: string;
  readonly text: (timeNs: number) => string;
}

export const microseconds: Clock = {
  title: 'time us',
  text: (timeNs) => (timeNs / 1000).toFixed(2),
};

export const plainStyle: Style = { bold: (text) => text, dim: (text) => text };

const timeColumns = 9;
const bracketColumns = 3;
const laneColumnsMin = 14;
/** In a terminal that is too narrow: room for `├─ WRITE ─▶`. */
const laneColumnsLeast = 11;

export function drawDiagram(
  lanes: readonly Lane[],
  steps: readonly Step[],
  brackets: readonly Bracket[],
  columns: number,
  style: Style = plainStyle,
  clock: Clock = microseconds,
): string[] {
  const levels = nest(brackets);
  const gutter = levels.length * bracketColumns;
  const width = laneWidth(lanes, steps, columns - gutter - timeColumns - 3);
  const titles = lanes.map((lane) => lane.title.padEnd(width)).join('');
  const lines = [style.bold(`${clock.title.padStart(gutter + timeColumns)}   ${titles}`.trimEnd())];
  for (const [i, step] of steps.entries()) {
    const time = clock.text(step.timeNs).padStart(timeColumns);
    const row = arrow(lanes, step, width);
    lines.push(
      `${levels.map((level) => edge(level, i)).join('')}${time}   ${step.background ? style.dim(row) : row}`,
    );
    const bars = levels.map((level) => bar(level, i)).join('');
    const indent = ' '.repeat(timeColumns + 6);
    const room = columns - bars.length - indent.length;
    for (const detail of detailsOf(step, width).flatMap((text) => wrapped(text, room))) {
      lines.push(style.dim(`${bars}${indent}${detail}`));
    }
  }
  return lines;
}

/** Brackets by level, outermost first; those of one level do not overlap. */
function nest(brackets: readonly Bracket[]): Bracket[][] {
  const levels: Bracket[][] = [];
  const widestFirst = [...brackets].sort((a, b) => b.last - b.first - (a.last - a.first));
  for (const bracket of widestFirst) {
    const free = levels.find((level) =>
      level.every((other) => bracket.last < other.first || bracket.first > other.last),
    );
    if (free === undefined) levels.push([bracket]);
    else free.push(bracket);
  }
  return levels;
}

function edge(level: readonly Bracket[], index: number): string {
  const at = level.find((bracket) => index >= bracket.first && index <= bracket.last);
  if (at === undefined) return ' '.repeat(bracketColumns);
  if (index === at.first) return `${String(at.number).padStart(bracketColumns - 1)}┌`;
  return `${' '.repeat(bracketColumns - 1)}${index === at.last ? '└' : '│'}`;
}

/** Between a step and the next one. */
function bar(level: readonly Bracket[], index: number): string {
  const inside = level.some((bracket) => index >= bracket.first && index < bracket.last);
  return `${' '.repeat(bracketColumns - 1)}${inside ? '│' : ' '}`;
}

/** Wide enough for the longest label between neighbours, and not wider than the terminal allows. */
function laneWidth(lanes: readonly Lane[], steps: readonly Step[], columns: number): number {
  const wanted = Math.max(laneColumnsMin, ...steps.map((step) => step.label.length + 7));
  const fits = Math.floor(columns / Math.max(1, lanes.length));
  return Math.max(laneColumnsLeast, Math.min(wanted, fits));
}

function arrow(lanes: readonly Lane[], step: Step, width: number): string {
  const cells: string[] = Array.from({ length: lanes.length * width }, (_, i) =>
    i % width === 0 ? '│' : ' ',
  );
  const from = lanes.findIndex((lane) => lane.node === step.from) * width;
  const to = lanes.findIndex((lane) => lane.node === step.to) * width;
  if (from === to) {
    cells[from] = '●';
    const text = ` ${step.label} `;
    const isLast = from + width === cells.length;
    place(cells, isLast && text.length > width ? from - text.length : from + 1, text);
    return cells.join('').trimEnd();
  }
  const line = step.background ? '╌' : '─';
  const [left, right] = from < to ? [from, to] : [to, from];
  for (let i = left + 1; i < right; i++) cells[i] = cells[i] === '│' ? '┼' : line;
  cells[from] = from < to ? '├' : '┤';
  cells[from < to ? to - 1 : to + 1] = from < to ? '▶' : '◀';
  const label = arrowLabel(step, width);
  place(cells, from < to ? from + 2 : from - label.length - 4, ` ${label} `);
  return cells.join('').trimEnd();
}

/** What stands on an arrow between neighbours: where a lane is too narrow for all of it, its first word. */
function arrowLabel({ label }: Step, width: number): string {
  const room = width - 6;
  if (label.length <= room) return label;
  const [word = ''] = label.split(' ');
  return word.length <= room ? word : `${word.slice(0, room - 1)}…`;
}

/** Below the arrow, also what had no room on it. */
function detailsOf(step: Step, width: number): readonly string[] {
  const isWhole = step.from === step.to || arrowLabel(step, width) === step.label;
  return isWhole ? step.details : [step.label, ...step.details];
}

/** At spaces, so that no line is longer than `room`; lines after the first are set in. */
function wrapped(text: string, room: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (longer.length > room && line.trim() !== '') {
      lines.push(line);
      line = `  ${word}`;
    } else {
      line = longer;
    }
  }
  return [...lines, line];
}

function place(cells: string[], at: number, text: string): void {
  for (const [i, character] of [...text].entries()) {
    if (at + i < cells.length) cells[at + i] = character;
  }
}
