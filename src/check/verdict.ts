/**
 * What a checker says. `broken` is a proof, `holds` says that this history is free of what the checker
 * looks for, and `unknown` that it could not tell, and why.
 */
export type Verdict =
  | { readonly status: 'holds' }
  | {
      readonly status: 'broken';
      /** One sentence. */
      readonly explanation: string;
      /** Rows of the history, in the order in which they began: as few as show it. */
      readonly operations: readonly number[];
    }
  | { readonly status: 'unknown'; readonly reason: string };

export const holds: Verdict = { status: 'holds' };
