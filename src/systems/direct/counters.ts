/** What happened on a compute node, by the counters' names, in words for reports. */
export const directCounters = {
  lockRetries: 'lock of a slot held by another write, CAS tried again',
  bucketRetries: 'lock of a bucket held by another insert, CAS tried again',
  entryRaces: 'another insert took the entry first',
  tornReads: 'torn record read again',
  lockedReads: 'record under a write read again',
  lengthMisses: 'record longer than the READ, read again',
  coldLookups: 'location not cached, looked up in the index',
  staleLocations: 'cached location of a slot that has another record now',
  movesFollowed: 'key followed to the slot that it moved to',
  failovers: 'get went on to another copy',
  reallocations: 'put outgrew its slot',
  extentsClaimed: 'run of space claimed',
  slotsShared: 'freed slot offered to all nodes',
  slotsTaken: 'slot taken that another node had freed',
  slotsRetired: 'slot out of generations, never used again',
  listRetries: 'CAS for an offered slot lost',
  locksSettled: 'lock settled that a write left when it lost a verb',
  suspensions: 'write held up while a memory node was replaced',
} as const;

export type DirectEvent = keyof typeof directCounters;
