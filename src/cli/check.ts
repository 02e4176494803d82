import { Command } from 'commander';
import { type HistoryFormat, historyFormats } from '../check/formats/formats.ts';
import { type HistoryPromise, historyPromises } from '../check/judge.ts';
import { didYouMean } from '../core/nearest.ts';
import { checkedText, checkHistoryFile, readHistoryFile } from '../lab/check-history.ts';
import { usageError } from '../lab/experiment/setting.ts';
import { exitCode } from './errors.ts';

const help = `
A verdict is holds, broken (with the fewest operations that show it) or unknown (with the reason).
Exits 1 where one of the promises asked for is broken.

Examples:
  farside check --history run.edn
  farside check --history run.json --promise linearizable
  farside check --history run.edn --to porcupine`;

const formats = Object.keys(historyFormats) as HistoryFormat[];

interface CheckFlags {
  readonly history?: string;
  readonly promise?: string;
  readonly to?: string;
}

/** `farside check`: what has happened against what was promised. */
export function checkCommand(): Command {
  return new Command('check')
    .summary('hold a recorded history to promises')
    .description('Holds a recorded history of operations to what a store can promise.')
    .option('--history <file>', "operations that were recorded: Jepsen's EDN or porcupine's JSON")
    .option('--promise <names>', `some of: ${historyPromises.join(', ')} (default: all)`)
    .option('--to <format>', `write the history to stdout instead: ${formats.join(', ')}`)
    .addHelpText('after', help)
    .action(check);
}

function check(flags: CheckFlags): void {
  if (flags.history === undefined) {
    throw usageError(['check: expected a history, such as farside check --history run.edn']);
  }
  checkHistory(flags.history, flags);
}

function checkHistory(file: string, flags: CheckFlags): void {
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

function promisesOf({ promise }: CheckFlags): readonly HistoryPromise[] {
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
