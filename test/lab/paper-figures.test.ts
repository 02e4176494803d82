import { expect, test } from 'vitest';
import { paperCells } from '../../bench/paper-cells.ts';

/**
 * `connectx4-100g` is fitted to the published figures by one set of numbers. A change of a protocol, of
 * the cost model or of a number that moves a figure shows here; times are virtual. All 48 cells are
 * printed by `node dist/bench/paper-tables.js`.
 */
const columns = [128, 1024, 4096];
const latencies = paperCells().filter(
  (cell) => cell.figure.includes('latency') && columns.includes(cell.column),
);
const throughputs = paperCells().filter(
  (cell) => cell.figure.includes('throughput') && cell.column === 2,
);

test.each([...latencies, ...throughputs])(
  '$system, $column: $figure is within 10 % of $paper',
  async (cell) => {
    const ours = await cell.measure({});
    expect(Math.abs(ours / cell.paper - 1)).toBeLessThan(0.1);
  },
);
