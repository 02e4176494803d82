import { Command, InvalidArgumentError } from 'commander';
import { FarsideError } from '../core/errors.ts';
import { exitCode } from './errors.ts';

const help = `
It prints one line of JSON when it is ready, then sleeps: clients act on its memory without it. On SIGINT or
SIGTERM it prints the CPU time that it has used since, and exits 0.

Example:
  farside memory-node --listen 10.0.0.5:7471 --region data:dram:1GiB --region log:pm:64MiB:/dev/dax0.0`;

interface Flags {
  readonly listen?: string;
  readonly region: readonly string[];
  readonly hugePages?: boolean;
  readonly mtu?: number;
  readonly connections?: number;
}

/** `farside memory-node`: serve regions over RDMA and then do nothing. */
export function memoryNodeCommand(): Command {
  return new Command('memory-node')
    .summary('serve regions of memory over RDMA, and then do nothing')
    .description('Registers memory, accepts RDMA connections to it, and then does nothing.')
    .option(
      '--listen <address:port>',
      'address of an RDMA device of this host; port 0 takes a free one',
    )
    .option('--region <name:medium:size[:file]>', 'a region to serve; once for each', collect, [])
    .option('--huge-pages', 'back regions without a file by huge pages')
    .option(
      '--mtu <bytes>',
      'path MTU: 256, 512, 1024, 2048 or 4096 (default: what the path takes)',
      whole,
    )
    .option('--connections <count>', 'connections at most (default: 1024)', whole)
    .addHelpText('after', help)
    .action(memoryNode);
}

function collect(value: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, value];
}

function whole(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text))
    throw new InvalidArgumentError('expected a whole number of at least 1.');
  return Number(text);
}

async function memoryNode(flags: Flags): Promise<void> {
  const { listen, hugePages = false } = flags;
  if (listen === undefined) {
    throw new FarsideError('FARSIDE_USAGE', 'memory-node needs --listen ADDRESS:PORT');
  }
  if (flags.region.length === 0) {
    throw new FarsideError(
      'FARSIDE_USAGE',
      'memory-node needs at least one --region NAME:MEDIUM:SIZE',
    );
  }
  if (flags.mtu !== undefined && ![256, 512, 1024, 2048, 4096].includes(flags.mtu)) {
    throw new FarsideError(
      'FARSIDE_USAGE',
      `--mtu ${flags.mtu}: expected 256, 512, 1024, 2048 or 4096 bytes`,
    );
  }
  const { MemoryNode, parseRegion } = await import('../lab/memory-node.ts');
  const node = new MemoryNode({
    listen,
    regions: flags.region.map(parseRegion),
    hugePages,
    ...(flags.mtu === undefined ? {} : { pathMtuBytes: flags.mtu }),
    ...(flags.connections === undefined ? {} : { connectionsMax: flags.connections }),
  });
  await node.rehearse();
  process.stdout.write(`${JSON.stringify(node.ready)}\n`);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  process.stdout.write(`${JSON.stringify(node.report())}\n`);
  node.close();
  process.exitCode = exitCode.done;
}
