import type { JoinableRole } from '../../fabric/index.ts';
import { joinAs } from '../join.ts';

/** A node that `--processes` has started: `node node-process.js ROLE HOST:PORT`. */
const [role, at] = process.argv.slice(2) as [JoinableRole, string];
// The terminal's interrupt is for the one who started the run, who ends this process when it is time.
process.on('SIGINT', () => {});
joinAs({ role, at }).catch((error: unknown) => {
  process.stderr.write(
    `farside: node ${role}: ${error instanceof Error ? error.message : error}\n`,
  );
  process.exit(2);
});
