import { Command } from 'commander';
import { addCheckSystemFlags, checkSystem, checkSystemHelp } from './check-system.ts';

/** `farside check`: what happens against what was promised. */
export function checkCommand(): Command {
  const command = new Command('check')
    .summary('hold a system to its promises under many schedules')
    .description('Runs a small scenario under many schedules, and holds it to what a system promises.')
    .argument('[system]', 'direct, central, clover, or the path of a module that exports `system`');
  return addCheckSystemFlags(command).addHelpText('after', checkSystemHelp).action(checkSystem);
}
