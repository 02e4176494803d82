import type { Command } from 'commander';
import { type HistoryFormat, historyFormats } from '../check/formats/formats.ts';
import { type HistoryPromise, historyPromises } from '../check/judge.ts';
import { didYouMean } from '../core/nearest.ts';
import { checkedText, checkHistoryFile, readHistoryFile } from '../lab/check-history.ts';
import { usageError } from '../lab/experiment/setting.ts';
import { exitCode } from './errors.ts';

export const checkHistoryHelp = `
With --history, a verdict is holds, broken (with the fewest operations that show it) or unknown (with
the reason). Exits 1 where one of the promises asked for is broken.

Examples:
  farside check --history run.edn
  farside check --history run.json --promise linearizable
  farside check --history run.edn --to porcupine`;

const formats = Object.keys(historyFormats) as HistoryFormat[];

export interface CheckHistoryFlags {
  readonly history?: string;
  readonly promise?: string;
  readonly to?: string;
}

/** Flags of `farside check --history FILE`. */
export function addCheckHistoryFlags(command: Command): Command {
  return command
    .option('--history <file>', "operations that were recorded: Jepsen's EDN or porcupine's JSON")
    .option('--promise <names>', `some of: ${historyPromises.join(', ')} (default: all)`)
    .option('--to <format>', `write the history to stdout instead: ${formats.join(', ')}`);
}

/** Judges the history in `file`, or writes it in another format; a broken promise sets exit code 1. */
export function checkHistory(file: string, flags: CheckHistoryFlags): void {
  if (flags.to !== undefined) {
    const format = oneOf('to', flags.to, formats);
    process.stdout.write(historyFormats[format](readHistoryFile(file)));
    return;
  }
  const checked = checkHistoryFile(file, promisesOf(flags));
  process.stdout.write(checkedText(checked));
  const isBroken = [...checked.verdicts.values()].some(({ status }) => status === 'broken');
  process.exitCode = isBroken ? exitCode.broken : exitCode.done;
}

function promisesOf({ promise }: CheckHistoryFlags): readonly HistoryPromise[] {
  if (promise === undefined) return historyPromises;
  return promise.split(',').map((name) => oneOf('promise', name.trim(), historyPromises));
}

function oneOf<T extends string>(flag: string, written: string, known: readonly T[]): T {
  const found = known.find((name) => name === written);
  if (found !== undefined) return found;
  throw usageError([
    `--${flag} ${written}: expected one of ${known.join(', ')}${didYouMean(written, known)}`,
  ]);
}
