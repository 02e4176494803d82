import { sleep } from '../../core/effect.ts';
import type { ClusterMap } from '../../memory/cluster.ts';
import type { NodeRuntime } from '../fabric.ts';
import { type JobSite, meetingPollNs } from '../job.ts';
import type { RunSignals } from './control.ts';
import type { NodeReport } from './node-start.ts';

/** What a job sees of a run; threads of one process are told nothing, since they share memory. */
export function jobSite(
  runtime: NodeRuntime,
  cluster: ClusterMap,
  control: RunSignals,
  data: unknown,
  onTold: JobSite['onTold'] = () => {},
): JobSite {
  return {
    runtime,
    cluster,
    data,
    onTold,
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

/** Says the job's result, when it is first called: at the end of its last client, or else of the run. */
export function sayResultOnce(end: () => unknown, say: (report: NodeReport) => void): () => void {
  let said = false;
  return () => {
    if (!said) say({ kind: 'result', value: end() });
    said = true;
  };
}
