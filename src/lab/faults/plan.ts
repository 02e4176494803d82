/**
 * What shall go wrong in a run, and when: plain data, as a `RunSpec` carries it. docs/faults.md has the
 * sentences that make these, and what each does on which fabric.
 */
export interface PlannedFault {
  /** The sentence, as it was written. */
  readonly text: string;
  readonly action: FaultAction;
  readonly moment: Moment;
  /** From the fault until survivors are told; undefined: nobody tells them. */
  readonly toldAfterNs: number | undefined;
}

/** Times count from when the clients begin, and verbs are those that a node has posted since. */
export type Moment =
  | { readonly kind: 'time'; readonly fromNs: number; readonly toNs: number }
  /** Verbs of the node named; undefined: of the one that the fault is about. */
  | {
      readonly kind: 'verb';
      readonly from: number;
      readonly to: number;
      readonly of: string | undefined;
    };

/** Of a crashed node's posted verbs, those that still land. */
export const landings = ['all', 'none', 'random'] as const;
export type Landing = (typeof landings)[number];

/** Of words of persistent memory that were not flushed, what a power loss leaves. */
export const keepings = ['old', 'new', 'random'] as const;
export type Keeping = (typeof keepings)[number];

export type FaultAction =
  | {
      readonly kind: 'crash';
      readonly node: string;
      readonly landing: Landing;
      readonly keeping: Keeping;
      readonly restartAfterNs: number | undefined;
      /** A server only: a standby node takes over after so long. */
      readonly standbyAfterNs: number | undefined;
    }
  /** A memory node, for good; `spare` undefined: the first one that is free. */
  | { readonly kind: 'lose'; readonly node: string; readonly spare: string | undefined }
  /** On purpose: what lies on a memory node moves to another. */
  | { readonly kind: 'move'; readonly node: string; readonly to: string }
  | {
      readonly kind: 'partition';
      readonly left: readonly string[];
      readonly right: readonly string[];
      readonly forNs: number | undefined;
    }
  | {
      readonly kind: 'slow';
      readonly node: string;
      readonly byNs: number;
      readonly forNs: number | undefined;
    }
  | {
      readonly kind: 'slowLink';
      readonly from: string;
      readonly to: string;
      readonly byNs: number;
      readonly forNs: number | undefined;
    }
  | {
      readonly kind: 'loseCompletions';
      readonly from: string;
      readonly to: string;
      readonly forNs: number | undefined;
    }
  | { readonly kind: 'flip'; readonly node: string; readonly bits: number };

/** Every node that a fault names, in the order of its sentence. */
export function nodesNamed({ action, moment }: PlannedFault): string[] {
  const names = (): readonly (string | undefined)[] => {
    switch (action.kind) {
      case 'partition':
        return [...action.left, ...action.right];
      case 'slowLink':
      case 'loseCompletions':
        return [action.from, action.to];
      case 'lose':
        return [action.node, action.spare];
      case 'move':
        return [action.node, action.to];
      default:
        return [action.node];
    }
  };
  const of = moment.kind === 'verb' ? moment.of : undefined;
  return [...names(), of].filter((name) => name !== undefined);
}

/** The spare that a fault names to take somebody's place. */
export function placeTaken({ action }: PlannedFault): string | undefined {
  if (action.kind === 'lose') return action.spare;
  return action.kind === 'move' ? action.to : undefined;
}

/** The node that is gone for good with a fault. */
export function nodeEnded({ action }: PlannedFault): string | undefined {
  if (action.kind === 'lose') return action.node;
  return action.kind === 'crash' && action.restartAfterNs === undefined ? action.node : undefined;
}
