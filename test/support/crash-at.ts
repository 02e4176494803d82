import { effectKind, type Program } from '../../src/core/effect.ts';

/** Runs `program`, and `crash` right before the effect that posts its verbs for the `nth` time (from 1). */
export function* crashAt(
  program: Program<unknown>,
  nth: number,
  crash: () => void,
): Program<number> {
  let posted = 0;
  for (;;) {
    const step = program.next();
    if (step.done === true) return posted;
    const { kind } = step.value;
    const posts = kind === effectKind.verb || kind === effectKind.batch || kind === effectKind.post;
    if (posts && ++posted === nth) crash();
    yield step.value;
  }
}
