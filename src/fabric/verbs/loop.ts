import { setImmediate } from 'node:timers/promises';
import { type RunSignals, stopReason } from '../shared/control.ts';
import type { VerbsNode } from './node.ts';
import type { Station } from './station.ts';

/** A timer due sooner than this is spun for: a sleep of libuv takes a millisecond at least. */
const spinBelowNs = 1_000_000;
/** A sleeping node looks at what the run's other threads say this often. */
const restMsMax = 5;
/** Between two looks at the event loop, which is where connections are made, served and lost. */
const loopEveryNs = 500_000;
/** After the run: how long verbs that are in flight may take. */
const drainNsMax = 500e6;

/**
 * Runs one node in the calling thread until the run stops. Where all programs wait it looks for
 * `spinTurnsMax` turns, then sleeps on the completion channel. `onFinished` is called once, when no
 * foreground program is left; daemons go on, because other nodes may still need them.
 */
export async function runUntilStopped(
  node: VerbsNode,
  station: Station,
  control: RunSignals,
  spinTurnsMax: number,
  onFinished: () => void,
): Promise<void> {
  const { nowNs } = node.context;
  const somethingCame = (): boolean => node.carrier.turn() || node.poll();
  let finished = node.foreground === 0;
  let idleTurns = 0;
  let loopedNs = nowNs();
  while (control.stopped === stopReason.none) {
    idleTurns = node.turn() ? 0 : idleTurns + 1;
    if (!finished && node.foreground === 0) {
      finished = true;
      onFinished();
    }
    const timeNs = nowNs();
    const aheadNs = node.nextTimerNs - timeNs;
    if (idleTurns >= spinTurnsMax && aheadNs >= spinBelowNs) {
      await station.rest(Math.min(aheadNs / 1e6, restMsMax), somethingCame);
      loopedNs = nowNs();
    } else if (timeNs - loopedNs > loopEveryNs) {
      await setImmediate();
      loopedNs = nowNs();
    }
  }
  await drain(node);
}

/** What programs have posted and not waited for, an unlock say, is still carried out. */
async function drain(node: VerbsNode): Promise<void> {
  const { nowNs } = node.context;
  const endNs = nowNs() + drainNsMax;
  while (node.carrier.inFlight > 0 && nowNs() < endNs) {
    if (!node.carrier.turn()) await setImmediate();
  }
}
