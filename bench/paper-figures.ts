/**
 * Figures 5, 6 and 8 of Tsai, Shan, Zhang, "Disaggregating Persistent Memory and Controlling Them
 * Remotely", USENIX ATC 2020: the numbers that `connectx4-100g` has to reproduce.
 */
export const systems = ['clover', 'direct', 'central'] as const;
export type PaperSystem = (typeof systems)[number];

/** Bytes of an entry; for Clover, of the whole buffer with its header. */
export const sizesBytes = [128, 256, 512, 1024, 2048, 4096] as const;

/** Figure 5: latency of a get, one synchronous client, microseconds. */
export const getLatencyUs: Readonly<Record<PaperSystem, readonly number[]>> = {
  clover: [2.06, 2.11, 2.2, 2.41, 2.77, 3.52],
  direct: [1.89, 2.23, 2.98, 4.49, 7.48, 13.57],
  central: [4.55, 4.68, 4.88, 5.23, 6.01, 7.48],
};

/** Figure 6: latency of a put, one synchronous client, microseconds. */
export const putLatencyUs: Readonly<Record<PaperSystem, readonly number[]>> = {
  clover: [4.49, 4.22, 4.38, 4.52, 4.91, 5.7],
  direct: [6.12, 6.56, 7.37, 8.99, 12.27, 19.11],
  central: [3.9, 3.92, 4.08, 4.35, 4.89, 6.24],
};

export const computeNodes = [1, 2, 4, 8] as const;

/** Figure 8, workload C: throughput with one data node and 8 threads a compute node, 10^6 ops/s. */
export const throughputMops: Readonly<Record<PaperSystem, readonly number[]>> = {
  clover: [5.44, 6.37, 6.54, 6.47],
  direct: [1.41, 2.8, 5.49, 6.53],
  central: [1.14, 1.9, 2.59, 2.95],
};

/** Operations that each thread kept in flight in Figure 8 (pdpm.md §4.2). */
export const outstanding: Readonly<Record<PaperSystem, number>> = {
  clover: 5,
  direct: 1,
  central: 1,
};
