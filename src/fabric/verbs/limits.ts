/** What one compute node, which is one thread with one ring, has room for on this fabric. */
export const threadLimits = {
  /** Verbs in flight of all its queue pairs. */
  ringVerbs: 1024,
  /** Verbs in flight of one queue pair. */
  sendQueueVerbs: 128,
  /** Registered memory that byte verbs in flight go through. */
  stagingBytes: 64 << 20,
} as const;
