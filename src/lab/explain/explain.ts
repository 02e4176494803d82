import { counted } from '../output/format.ts';
import { drawDiagram, type Lane, type Style } from './diagram.ts';
import { fenceEndNs, writeScript } from './script.ts';
import { type Cost, type ExplainOptions, type Performance, perform, rivalOf } from './stage.ts';

/** `farside explain`: performs one operation in the simulator and draws every verb of it. */
export async function explain(
  options: ExplainOptions,
  columns: number,
  style: Style,
): Promise<string[]> {
  const performance = await perform(options);
  const { steps, brackets } = writeScript(performance);
  const lanes = lanesOf(performance);
  return [
    style.bold(title(options, performance)),
    '',
    ...drawDiagram(lanes, steps, brackets, columns, style),
    '',
    ...legend(options, performance),
  ];
}

function title(options: ExplainOptions, performance: Performance): string {
  const copies = options.replicas === 1 ? 'one copy' : `${options.replicas} copies`;
  return (
    `${performance.system.name} ${options.operation}, ${options.valueBytes} B, ${copies}, ` +
    `${options.durability} durability, ${options.profile}: ` +
    `${costText(performance.main)}${rivalText(options, performance)}`
  );
}

function costText({ latencyNs, roundTrips }: Cost): string {
  return `${(latencyNs / 1000).toFixed(2)} us, ${counted(roundTrips, 'round trip')}`;
}

function rivalText(options: ExplainOptions, { rival }: Performance): string {
  if (rival === undefined) return '';
  const what = rivalOf(options);
  return `; beside it ${what === 'insert' ? 'an' : 'a'} ${what} of cn1: ${costText(rival)}`;
}

/** Compute nodes left, memory nodes in the middle, servers right: arrows then cross few lanes. */
function lanesOf({ cluster, recording }: Performance): Lane[] {
  const order = ['compute', 'memory', 'coordinator', 'metadata'];
  const seen = new Set(recording.verbs.flatMap((verb) => [verb.node, verb.target]));
  return cluster.nodes
    .filter((node) => seen.has(node.id) || node.role === 'compute')
    .sort((a, b) => order.indexOf(a.role) - order.indexOf(b.role) || a.id - b.id)
    .map((node) => ({ node: node.id, title: node.name }));
}

/** `0 is mn0, 2 cn0`. */
function numbersOf(performance: Performance): string {
  const lanes = [...lanesOf(performance)].sort((a, b) => a.node - b.node);
  return lanes.map(({ node, title }, i) => `${node} ${i === 0 ? 'is ' : ''}${title}`).join(', ');
}

function legend(options: ExplainOptions, performance: Performance): string[] {
  const { recording, main } = performance;
  const background = recording.verbs.filter((verb) => verb.background).length;
  const foreground = recording.verbs.length - background;
  const isHeld = recording.verbs.some((verb) => fenceEndNs(recording.verbs, verb) !== undefined);
  const who = options.contention ? ' of both operations' : '';
  return [
    `${counted(foreground, 'verb')}${who} in the foreground, ${counted(background, 'verb')} in the ` +
      `background (dashed) until ${((main.latencyNs + options.afterNs) / 1000).toFixed(0)} us.`,
    'A bracket is one round trip; its number is how long the chain of waits is when it ends.',
    `An address is the node's number and the byte on it: ${numbersOf(performance)}.`,
    ...(isHeld
      ? [
          'A fenced verb is held at the NIC until the READs, atomics and FLUSHes before it are done: ' +
            'the time of a round trip,',
          'but none that the program waits for, so it is not counted as one.',
        ]
      : []),
  ];
}
