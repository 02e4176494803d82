/** How to read a report: what each word in it means, and how it was counted. */
export const definitions: readonly (readonly [term: string, meaning: string])[] = [
  [
    'Throughput',
    'Operations that ended in the measured phase, divided by its duration. Loading and ' +
      'warm-up are not in it. Where time is real it is the rate while all compute nodes measured: ' +
      'the time in which the last ones finish is left out.',
  ],
  [
    'Latency',
    'From the start of an operation to its end, as its client sees it. In open loop the ' +
      'intended latency counts from when the operation should have started: it has the time in ' +
      'the queue in it, which a closed loop hides. p50 and p99 are the times within which 50 % ' +
      'and 99 % ended.',
  ],
  [
    'Round trip',
    'The longest chain of waits on verbs or messages, each of which needed the one before, in ' +
      'the foreground of an operation; what the server that answers it waits for is in it. ' +
      'Verbs awaited together share one. Work in the background does not count. The fabric ' +
      'counts them as they happen.',
  ],
  [
    'Verb',
    'One one-sided READ, WRITE, CAS, FETCH_ADD or FLUSH: the network card of the memory node ' +
      'serves it, and no processor there.',
  ],
  [
    'Bytes out and in',
    'Payload of the verbs of an operation, headers not included. Out is what WRITEs carry ' +
      'away and the operands of atomics; in is what READs bring and the old words that atomics ' +
      'return. Those of a server that works for the operation are in it.',
  ],
  [
    'Useful CPU',
    'Processor time for what operations need: posting, checking, hashing, copying. Polling is ' +
      'the rest of the time of a core that waits without sleeping. It says how idle the core ' +
      'was, so it is shown beside and is not in the cost.',
  ],
  [
    'Data and metadata',
    'Bytes in use at the end of the run, all replicas counted. Data is what records occupy on ' +
      'memory nodes; metadata is what it takes to find them: there, on compute nodes (cursors, ' +
      'tables), and on servers (maps, lists).',
  ],
  [
    'CapEx and OpEx',
    'The recipe of Tsai, Shan and Zhang (USENIX ATC 2020): $5,000 for a compute node, a ' +
      'coordinator or a metadata server, $1,637 for a passive memory node (network card and ' +
      'memory); 30 W for each core while it does useful work.',
  ],
  [
    'Median and interval',
    'Each seed is one run. A number is the median over seeds. Its 95 % interval comes from ' +
      'the bootstrap: runs drawn again with replacement, 4,000 times. With five seeds or fewer ' +
      'it spans them all. One seed has none.',
  ],
  [
    'Durability',
    'assumed: a completed WRITE or CAS counts as durable, as the papers have it. flush: it is ' +
      'durable once a later FLUSH of it has completed.',
  ],
  [
    'Event hash',
    'A hash over every event of a simulated run, in order. The same version, seed and ' +
      'parameters give the same hash on any machine.',
  ],
];

/** Of results in which something went wrong on purpose. */
export const faultDefinitions: readonly (readonly [term: string, meaning: string])[] = [
  [
    'Faults',
    'Times are counted from when the clients began, warm-up included. Recovered after: from the fault ' +
      'to the end of the last recovery program that it set off; survivors are told of a fault a while ' +
      'after it, which is part of that time. Served again after: until each client that met an error ' +
      'had completed another operation; a dash where none met one, never where one had not by the end ' +
      'of the run.',
  ],
  [
    'Operations failed and unknown',
    'Failed: ended in an error after this fault and before the next, with those that a crashed node had ' +
      'in flight. Unknown: of these, the ones that may have taken effect all the same. No operation that ' +
      'was acknowledged is among them.',
  ],
  [
    'Repaired and bytes moved',
    'What recovery says it did: locks broken, entries completed, undone or copied, buffers given back; ' +
      'and the bytes that it wrote for that.',
  ],
];
