/** Things that happened which a test of a protocol should have seen. */
export interface WorldEvents {
  casLost: number;
  tornVerbs: number;
  writesSwallowed: number;
  landedAfterCrash: number;
  landedInPart: number;
  cutByFence: number;
  /** Verbs whose program was told that their outcome is unknown, by a `cut`. */
  leftInDoubt: number;
  wordsReverted: number;
  spins: number;
}

export function noEvents(): WorldEvents {
  return {
    casLost: 0,
    tornVerbs: 0,
    writesSwallowed: 0,
    landedAfterCrash: 0,
    landedInPart: 0,
    cutByFence: 0,
    leftInDoubt: 0,
    wordsReverted: 0,
    spins: 0,
  };
}
