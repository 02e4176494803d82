import { cacheBenchProperties } from './cachebench.ts';
import { keyListProperties } from './key-list.ts';
import type { PropertySpec } from './properties.ts';
import { traceProperties } from './trace.ts';
import { ycsbProperties } from './ycsb-properties.ts';

/** Every format of workload files, with the properties that each understands. */
export const workloadFormats: Readonly<Record<string, readonly PropertySpec[]>> = {
  ycsb: ycsbProperties,
  keys: keyListProperties,
  cachebench: cacheBenchProperties,
  twitter: traceProperties,
  meta: traceProperties,
};
