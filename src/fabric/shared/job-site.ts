import { sleep } from '../../core/effect.ts';
import type { ClusterMap } from '../../memory/cluster.ts';
import type { NodeRuntime } from '../fabric.ts';
import { type JobSite, meetingPollNs } from '../job.ts';
import type { ControlBlock } from './control.ts';

/** What a job sees of a run whose nodes are threads: the signals go through the control block. */
export function jobSite(
  runtime: NodeRuntime,
  cluster: ClusterMap,
  control: ControlBlock,
  data: unknown,
): JobSite {
  return {
    runtime,
    cluster,
    data,
    stopRequested: () => control.abortRequested,
    progress: (slot, value) => control.setProgress(runtime.context.node, slot, value),
    arrive: (point) => {
      control.arrive(point);
    },
    arrivals: (point) => control.arrived(point),
    *meet(point, parties) {
      control.arrive(point);
      while (control.arrived(point) < parties && !control.abortRequested) {
        yield* sleep(meetingPollNs);
      }
    },
  };
}
