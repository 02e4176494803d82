import { Command } from 'commander';
import { didYouMean } from '../core/nearest.ts';
import { usageError } from '../lab/experiment/setting.ts';
import { parseValue } from '../lab/experiment/values.ts';
import { type JoinableRole, joinableRoles } from '../lab/roles.ts';
import { exitCode } from './errors.ts';

const help = `
It prints one line of JSON when it has joined, takes part in all runs of the experiment, one after another,
then prints how many those were and exits 0. The one who starts the run says how many nodes of which role
it waits for.

Examples:
  farside node --role compute --join host0:7500
  farside node --role metadata --join 10.0.0.1:7500 --wait 1m`;

interface Flags {
  readonly role?: string;
  readonly join?: string;
  readonly wait?: string;
}

/** `farside node`: one compute node or server of a run that somebody else starts. */
export function nodeCommand(): Command {
  return new Command('node')
    .summary('one compute node or server of a run that waits elsewhere')
    .description('Joins a run as one of its nodes, so that a launcher can spread a run over hosts.')
    .option(`--role <${joinableRoles.join('|')}>`, 'what it is in the run')
    .option('--join <host:port>', 'where farside run --listen waits')
    .option('--wait <time>', 'how long nobody may wait there yet (default: 10s)')
    .addHelpText('after', help)
    .action(node);
}

async function node(flags: Flags): Promise<void> {
  const { join } = flags;
  const role = roleOf(flags.role);
  if (join === undefined) {
    throw usageError(['node needs --join HOST:PORT, where farside run --listen HOST:PORT waits']);
  }
  const { joinAs } = await import('../lab/join.ts');
  const runs = await joinAs({
    role,
    at: join,
    waitMs: waitMsOf(flags.wait),
    onJoined: () => tell({ joined: join, role, pid: process.pid }),
  });
  tell({ runs });
  process.exitCode = exitCode.done;
}

function tell(facts: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(facts)}\n`);
}

function roleOf(text: string | undefined): JoinableRole {
  const known = joinableRoles.find((role) => role === text);
  if (known !== undefined) return known;
  const roles = joinableRoles.join(', ');
  if (text === undefined) throw usageError([`node needs --role, one of ${roles}`]);
  const hint = didYouMean(text, joinableRoles);
  throw usageError([`--role ${text}: expected one of ${roles}${hint}`]);
}

function waitMsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const parsed = parseValue({ type: 'duration' }, text);
  if ('value' in parsed) return (parsed.value as number) / 1e6;
  throw usageError([`--wait ${text}: expected ${parsed.expected}`]);
}
