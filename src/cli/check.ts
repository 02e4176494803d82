import { Command } from 'commander';
import { usageError } from '../lab/experiment/setting.ts';
import {
  addCheckHistoryFlags,
  type CheckHistoryFlags,
  checkHistory,
  checkHistoryHelp,
} from './check-history.ts';

/** `farside check`: what has happened against what was promised. */
export function checkCommand(): Command {
  const command = new Command('check')
    .summary('hold a recorded history to promises')
    .description('Holds a recorded history of operations to what a store can promise.');
  return addCheckHistoryFlags(command).addHelpText('after', checkHistoryHelp).action(check);
}

function check(flags: CheckHistoryFlags): void {
  if (flags.history === undefined) {
    throw usageError(['check: expected a history, such as farside check --history run.edn']);
  }
  checkHistory(flags.history, flags);
}
