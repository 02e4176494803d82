import { exitCode, say } from './errors.ts';

/**
 * Runs `work` with a signal that the first SIGINT (or SIGTERM) aborts: what is finished is kept and
 * written. A second one ends the process at once. `beforeMessage` clears what is drawn on the terminal.
 */
export async function interruptible<T>(
  work: (signal: AbortSignal) => Promise<T>,
  beforeMessage: () => void,
): Promise<T> {
  const controller = new AbortController();
  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(exitCode.interrupted);
    beforeMessage();
    say('interrupted: writing what is finished (again to stop at once)');
    controller.abort();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    return await work(controller.signal);
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}
