import {
  type FaultMenuEntry,
  type Flight,
  flightState,
  type Task,
  type World,
  type WorldObserver,
} from '../../../sim/explore/index.ts';
import { formatAddress } from '../../core/address.ts';
import { verbNames, verbOp, verbStatus } from '../../core/effect.ts';
import type { Clock, Lane, Step } from '../explain/diagram.ts';
import { drawDiagram, type Style } from '../explain/diagram.ts';
import { counted } from '../output/format.ts';
import type { Judgement } from './judge.ts';
import { replay } from './schedule.ts';
import type { Stage } from './stage.ts';

const stepNumbers: Clock = { title: 'step', text: (timeNs) => String(timeNs) };
const wordsShownMax = 3;

/** Draws a schedule as `farside explain` draws an operation; the step that broke the promise is marked. */
export function drawSchedule(
  stage: Stage,
  choices: readonly string[],
  judgement: Judgement,
  columns: number,
  style: Style,
): string[] {
  const recording = new ScheduleRecording(stage);
  replay(stage, choices, recording);
  const steps = recording.steps;
  if (judgement.kind !== 'kept') {
    const after = steps.findLastIndex((step) => step.timeNs <= judgement.step);
    const at = steps[Math.max(0, after)];
    steps.splice(after + 1, 0, {
      timeNs: judgement.step,
      from: at?.from ?? 0,
      to: at?.from ?? 0,
      label: `✗ ${judgement.promise} is broken`,
      details: [judgement.explanation],
      background: false,
    });
  }
  const seen = new Set(steps.flatMap((step) => [step.from, step.to]));
  const order = ['compute', 'memory', 'coordinator', 'metadata', 'standby'];
  const lanes: Lane[] = stage.cluster.nodes
    .filter((node) => seen.has(node.id))
    .sort((a, b) => order.indexOf(a.role) - order.indexOf(b.role) || a.id - b.id)
    .map((node) => ({ node: node.id, title: node.name }));
  return drawDiagram(lanes, steps, [], columns, style, stepNumbers);
}

/** Notes every verb when it acts, and what programs and faults do in between. */
class ScheduleRecording implements WorldObserver {
  readonly steps: Step[] = [];
  readonly #stage: Stage;
  #before: string[] = [];
  #isOn = false;
  world: World | undefined = undefined;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** The load phase is left out. */
  opened(world: World): void {
    this.world = world;
    this.#isOn = true;
  }

  posted(): void {}

  acting(flight: Flight): void {
    this.#before = this.#words(flight);
  }

  acted(flight: Flight): void {
    const { memory } = this.#stage;
    if (memory.isMailbox(flight.node, flight.from)) {
      this.#add(flight.task.node.id, flight.node, 'message', [], flight.task);
      return;
    }
    const { verb, task } = flight;
    const extent = verb.op === verbOp.cas || verb.op === verbOp.faa ? '' : ` ${verb.lengthBytes} B`;
    const part = flight.state === flightState.partly ? ', in part' : '';
    const dead = task.ended ? ', after its crash' : '';
    const label = `${verbNames[verb.op]}${extent}${part}${dead}`;
    this.#add(task.node.id, flight.node, label, this.#details(flight), task);
  }

  completed(flight: Flight): void {
    if (flight.verb.status === verbStatus.ok) return;
    const outcome = flight.verb.status === verbStatus.failed ? 'failed' : 'unknown';
    const label = `${verbNames[flight.verb.op]} ends ${outcome}`;
    this.#add(flight.task.node.id, flight.task.node.id, label, [], flight.task);
  }

  stepped(task: Task, what: string): void {
    this.#add(task.node.id, task.node.id, what, [], task);
  }

  fault({ kind, node }: FaultMenuEntry): void {
    const label = {
      crash: 'crashes',
      restart: 'loses power',
      lose: 'is lost',
      cut: 'is cut off',
      pause: 'time passes',
    };
    const at = node < 0 ? 0 : node;
    this.#add(at, at, `✗ ${label[kind]}`, [], undefined);
  }

  #add(
    from: number,
    to: number,
    label: string,
    details: readonly string[],
    task: Task | undefined,
  ): void {
    if (!this.#isOn) return;
    const background = task?.daemon === true;
    const timeNs = this.world?.steps ?? 0;
    this.steps.push({ timeNs, from, to, label, details, background });
  }

  #details(flight: Flight): string[] {
    const { verb } = flight;
    const place = this.#place(verb.address);
    const lines = [`${flight.task.name}: ${formatAddress(verb.address)}${place}`];
    if (verb.op === verbOp.flush) return lines;
    const after = this.#words(flight);
    if (verb.op === verbOp.read)
      return [...lines, `reads ${after[0]}${after.length > 1 ? ' …' : ''}`];
    const changed = after.flatMap((word, i) =>
      word === this.#before[i] ? [] : [`+${8 * i}: ${this.#before[i]} → ${word}`],
    );
    if (changed.length === 0) return [...lines, `finds ${after[0]}: nothing changes`];
    const rest = changed.length - wordsShownMax;
    const more = rest > 0 ? [`and ${counted(rest, 'more word')}`] : [];
    return [...lines, ...changed.slice(0, wordsShownMax), ...more];
  }

  #place(address: number): string {
    const { system, config, cluster, shape } = this.#stage;
    const node = this.world?.nodes.find((each) => each !== undefined);
    if (system.locate === undefined || node === undefined) return '';
    const text = system.locate({ context: node.context, cluster, shape }, config, address);
    return text === undefined ? '' : ` ${text}`;
  }

  #words({ node, from, to }: Flight): string[] {
    const { memory } = this.#stage;
    const words: string[] = [];
    for (let word = from; word <= to; word++) {
      const high = (memory.high(node, word) >>> 0).toString(16).padStart(8, '0');
      words.push(`0x${high}${(memory.low(node, word) >>> 0).toString(16).padStart(8, '0')}`);
    }
    return words;
  }
}
