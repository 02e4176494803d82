import { Command } from 'commander';
import { refuseIdleFlags } from './check-flags.ts';
import {
  addCheckHistoryFlags,
  type CheckHistoryFlags,
  checkHistory,
  checkHistoryHelp,
} from './check-history.ts';
import {
  addCheckSystemFlags,
  type CheckSystemFlags,
  checkSystem,
  checkSystemHelp,
} from './check-system.ts';

/** `farside check`: what happens, or has happened, against what was promised. */
export function checkCommand(): Command {
  const command = new Command('check')
    .summary('hold a system, or a recorded history, to its promises')
    .description(
      'Runs a small scenario of a system under many schedules and faults, and holds it to what the ' +
        'system promises; or holds a recorded history (--history) to what a store can promise.',
    )
    .argument('[system]', 'direct, central, clover, or the path of a module that exports `system`');
  addCheckHistoryFlags(addCheckSystemFlags(command));
  return command
    .addHelpText('after', checkSystemHelp)
    .addHelpText('after', checkHistoryHelp)
    .action(check);
}

async function check(system: string | undefined, flags: CheckSystemFlags): Promise<void> {
  refuseIdleFlags(system, flags);
  const recorded = flags as CheckHistoryFlags;
  if (recorded.history === undefined) await checkSystem(system, flags);
  else checkHistory(recorded.history, recorded);
}
