import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type History, mergeHistories } from '../../check/history.ts';
import { SurvivingLog } from '../driver/surviving-log.ts';
import type { Prepared } from './prepare.ts';
import type { HistoryMemory } from './real-job.ts';

/** Operations that a node may record where only time bounds their number. */
const rowsWithoutCount = 2_000_000;
const rowsToSpare = 10_000;

/**
 * Memory for the operations of each compute node: what it writes there is there when it has crashed. Of a
 * thread it is shared memory, of a process a file that it maps.
 */
export class HistoryMemories {
  readonly #memories: ReadonlyMap<number, HistoryMemory>;
  readonly #folder: string | undefined;

  constructor({ spec, workload }: Prepared, clients: readonly number[], isShared: boolean) {
    const { operations, warmupOperations } = spec.phases;
    const share =
      operations === undefined
        ? rowsWithoutCount
        : Math.ceil((operations + warmupOperations) / clients.length);
    // A read-modify-write is two operations.
    const rowsMax = 2 * share + workload.recordCount + rowsToSpare;
    const sizeBytes = SurvivingLog.bytesFor(rowsMax, workload.keysMax);
    const folder = isShared ? undefined : mkdtempSync(path.join(tmpdir(), 'farside-history-'));
    this.#folder = folder;
    const memory = (node: number): HistoryMemory => {
      if (folder === undefined) return { buffer: new SharedArrayBuffer(sizeBytes), rowsMax };
      return { buffer: { file: path.join(folder, String(node)), sizeBytes }, rowsMax };
    };
    this.#memories = new Map(clients.map((node) => [node, memory(node)]));
  }

  of(node: number): HistoryMemory | undefined {
    return this.#memories.get(node);
  }

  history(): History {
    const parts = [...this.#memories.values()].map(({ buffer, rowsMax }) => {
      const memory = 'file' in buffer ? bytesOf(buffer.file) : buffer;
      return new SurvivingLog(memory, rowsMax).history();
    });
    return mergeHistories(parts);
  }

  close(): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }
}

function bytesOf(file: string): ArrayBuffer {
  const bytes = readFileSync(file);
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
}
