import type { ExperimentResult } from '../result.ts';
import { faultTable, type SideTable } from './fault-rows.ts';
import { memoryNodeTable, processTable } from './process-rows.ts';

/** What stands below the results, on the terminal and in the report: those that have anything to say. */
export function sideTables(result: ExperimentResult): SideTable[] {
  const all = [faultTable(result), memoryNodeTable(result), processTable(result)];
  return all.filter(({ rows }) => rows.length > 0);
}
