import Table from 'cli-table3';
import { type Cell, paperCells } from './paper-cells.ts';

/**
 * `node dist/bench/paper-tables.js [profile.path=value …]`: the paper's tables beside ours, with the
 * deviation of every cell; exits 1 where one is off by more than 10 %.
 */
const toleranceShare = 0.1;

export interface Measured {
  readonly cell: Cell;
  readonly ours: number;
}

export async function measureAll(
  cells: readonly Cell[],
  changes: Readonly<Record<string, number>>,
): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const cell of cells) measured.push({ cell, ours: await cell.measure(changes) });
  return measured;
}

function deviation({ cell, ours }: Measured): number {
  return ours / cell.paper - 1;
}

function printTable(figure: string, measured: readonly Measured[]): void {
  const rows = measured.filter(({ cell }) => cell.figure === figure);
  const columns = [...new Set(rows.map(({ cell }) => cell.column))];
  const table = new Table({ head: [figure, ...columns.map(String)], style: { head: [] } });
  for (const system of new Set(rows.map(({ cell }) => cell.system))) {
    const own = rows.filter(({ cell }) => cell.system === system);
    table.push([`${system}, paper`, ...own.map(({ cell }) => cell.paper.toFixed(2))]);
    table.push([`${system}, farside`, ...own.map(({ ours }) => ours.toFixed(2))]);
    table.push(['', ...own.map((m) => `${(deviation(m) * 100).toFixed(1)} %`)]);
  }
  console.log(table.toString());
}

async function main(): Promise<void> {
  const changes = Object.fromEntries(
    process.argv.slice(2).map((argument) => {
      const [path = '', value = ''] = argument.split('=');
      return [path, Number(value)];
    }),
  );
  const measured = await measureAll(paperCells(), changes);
  for (const figure of new Set(measured.map(({ cell }) => cell.figure))) {
    printTable(figure, measured);
  }
  const off = measured.filter((m) => Math.abs(deviation(m)) > toleranceShare);
  const worst = Math.max(...measured.map((m) => Math.abs(deviation(m))));
  console.log(
    `${measured.length - off.length} of ${measured.length} cells within ${toleranceShare * 100} %; ` +
      `the worst is off by ${(worst * 100).toFixed(1)} %`,
  );
  process.exitCode = off.length === 0 ? 0 : 1;
}

await main();
