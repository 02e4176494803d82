import { availableParallelism, freemem, totalmem } from 'node:os';
import { Command } from 'commander';
import { type FabricKind, fabricKinds } from '../core/context.ts';
import { counted } from '../lab/output/format.ts';
import { farsideVersion } from '../lab/package.ts';
import { verbsStatus } from '../lab/verbs-status.ts';
import { exitCode } from './errors.ts';

const help = `
Exits 0 where at least one fabric works.

Example:
  farside doctor`;

/** One thing looked at: whether it works, and the one step missing where it does not. */
interface Finding {
  readonly subject: string;
  readonly works: boolean;
  readonly detail: string;
}

/** `farside doctor`: which fabrics work here, and for each that does not, the one step missing. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .summary('say which fabrics work here, and what the others need')
    .description('Says which fabrics work here, and for each that does not, the one step missing.')
    .addHelpText('after', help)
    .action(doctor);
}

async function doctor(): Promise<void> {
  const { missingFor } = await import('../lab/run.ts');
  const fabrics = fabricKinds.map((kind): Finding => {
    if (kind === 'verbs') return { subject: kind, ...verbsStatus() };
    const missing = missingFor(kind);
    return { subject: kind, works: missing === undefined, detail: missing ?? whatItIs[kind]() };
  });
  const findings = [platform(), ...fabrics];
  const width = Math.max(...findings.map(({ subject }) => subject.length));
  for (const { subject, works, detail } of findings) {
    process.stdout.write(`${works ? 'ok     ' : 'missing'}  ${subject.padEnd(width)}  ${detail}\n`);
  }
  process.exitCode = fabrics.some(({ works }) => works) ? exitCode.done : exitCode.usage;
}

const nodeMajorMin = 20;

function platform(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  return {
    subject: 'platform',
    works: major >= nodeMajorMin,
    detail:
      `farside ${farsideVersion} on Node ${process.versions.node} ` +
      `(needs ${nodeMajorMin}.19 or newer), ${process.platform} ${process.arch}, ` +
      `${counted(availableParallelism(), 'core')}, ` +
      `${gibibytes(freemem())} of ${gibibytes(totalmem())} memory free`,
  };
}

/** Said of a fabric that works. */
const whatItIs: Readonly<Record<Exclude<FabricKind, 'verbs'>, () => string>> = {
  sim: () => {
    const cores = availableParallelism();
    return `virtual time; ${cores === 1 ? '1 run at a time' : `${cores} runs at a time`}`;
  },
  shared: () => {
    const cores = availableParallelism();
    const advice =
      cores < 3
        ? `: with ${counted(cores, 'core')}, more compute nodes than that share them, so read times with care`
        : '';
    return `threads on shared memory${advice}`;
  },
};
