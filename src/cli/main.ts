#!/usr/bin/env -S node --no-memory-reducer
// Without that flag V8 collects garbage when a process has come to rest: a memory node would use 34 to 64 ms
// of CPU time in a minute in which it is said to do nothing, instead of 1.
import { exitCode, explainError } from './errors.ts';
import { buildProgram } from './program.ts';

/** The exit code is set, not forced: what stdout still has to take is written first. */
async function main(): Promise<void> {
  process.stdout.on('error', ignoreClosedPipe);
  process.on('uncaughtException', (error) => {
    explainError(error);
    process.exit(exitCode.internal);
  });
  try {
    const program = buildProgram();
    if (process.argv.length <= 2) program.outputHelp();
    else await program.parseAsync(process.argv);
  } catch (error) {
    process.exitCode = explainError(error);
  }
}

/** `farside list | head` closes our stdout: that ends the output and is nobody's mistake. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
}

await main();
