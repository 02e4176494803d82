export { SimCluster, type SimOptions } from './cluster.ts';
export type { Hop, HopVerdict, Transit } from './path.ts';
export { adjustProfile, type Profile, parseProfile } from './profile.ts';
export type { CoreStatistics, NodeStatistics, SimStatistics } from './statistics.ts';
export type {
  ComputeTrace,
  LocalTrace,
  MessageTrace,
  TraceOrigin,
  TraceSink,
  VerbTrace,
} from './trace.ts';
