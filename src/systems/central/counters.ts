/** What happened at the coordinator and its callers, by the counters' names, in words for reports. */
export const centralCounters: Readonly<Record<string, string>> = {
  mapFlips: 'entry of the map flipped',
  allocations: 'buffer allocated',
  frees: 'buffer freed',
  putsSuperseded: 'put overtaken by a newer one before it was mapped',
  capacityWaits: 'wait for a buffer that is on its way back',
  deleteWaits: 'delete waited for records of its key to settle',
  copiesSkipped: 'copy skipped by a get',
  copiesMoved: 'copy written to another memory node',
  copiesMissing: 'copy that could not be made whole',
  writesRetried: 'record written again elsewhere',
  buffersOwed: 'buffer that nobody could zero yet',
  nodesDown: 'memory node found not to answer',
  callsRepeated: 'call sent again',
  callsAbandoned: 'call given up',
  lockWaits: 'handler waited for the lock of an entry',
  malformed: 'message dropped, malformed',
};
