import { byteUnitOf, formatBytes, formatUsd, significant } from '../output/format.ts';
import type { CpuSummary, GroupSummary, MemorySummary } from '../statistics/summary.ts';
import { categories, idle } from './palette.ts';
import { joined, type Plot, type PlotContext } from './plot.ts';
import { describeRows, notesOf, rowPlot, rowsOf, valuesOf } from './rows.ts';

type Groups = readonly GroupSummary[];

/** What one point of the sweep cost in processors, memory and money. */
export function resourcePlots(groups: Groups, context: PlotContext, suffix: string): Plot[] {
  return [
    cpuPlot(groups, suffix),
    memoryPlot(groups, context, suffix),
    costPlot(groups, context, suffix),
  ];
}

const roleNames: Readonly<Record<string, string>> = {
  compute: 'compute nodes',
  coordinator: 'coordinators',
  metadata: 'metadata servers',
  standby: 'standbys',
};

function cpuPlot(groups: Groups, suffix: string): Plot {
  const found = new Set(groups.flatMap((group) => [...group.cpu.keys()]));
  // Always in one order, whichever system's runs came first.
  const order = Object.keys(roleNames);
  const roles = [...found].sort((a, b) => order.indexOf(a) - order.indexOf(b));
  const rows = roles.flatMap((role) =>
    rowsOf(roleNames[role] ?? role, groups, (group) => group.cpu.get(role)),
  );
  const idleOf = ({ cores, useful, polling }: CpuSummary): number =>
    Math.max(0, cores - useful.median - polling.median);
  const input = {
    title: 'Busy cores by role',
    subtitle: rows.some(({ data }) => (data?.polling.median ?? 0) > 0)
      ? 'useful: work that operations need; polling: waiting without sleeping'
      : 'useful: time on a processor, looking for messages included',
    rows,
    legend: true,
    panels: [
      {
        xName: 'cores, mean over the measured phase',
        stacked: true,
        segments: [
          {
            name: 'useful',
            color: categories[0]!,
            values: valuesOf(rows, ({ useful }) => useful.median),
          },
          {
            name: 'polling',
            color: categories[1]!,
            values: valuesOf(rows, ({ polling }) => polling.median),
          },
          { name: 'idle', color: idle, values: valuesOf(rows, idleOf) },
        ].filter(({ values }) => values.some((value) => (value ?? 0) > 0)),
        notes: notesOf(rows, (cpu) => ({
          at: cpu.useful.median + cpu.polling.median + idleOf(cpu),
          text: `${significant(cpu.useful.median)} useful`,
        })),
      },
    ],
  };
  const numbers = describeRows(
    rows,
    ({ cores, useful, polling }) =>
      `${significant(useful.median)} useful and ${significant(polling.median)} polling ` +
      `of ${cores} cores`,
  );
  return rowPlot(`cpu${suffix}`, groups, input, numbers);
}

const metadataPlaces = [
  { name: 'on memory nodes', of: (memory: MemorySummary) => memory.metadataBytes.median },
  { name: 'on compute nodes', of: (memory: MemorySummary) => memory.computeMetadataBytes.median },
  { name: 'on servers', of: (memory: MemorySummary) => memory.serverMetadataBytes.median },
];

function metadataOf(memory: MemorySummary): number {
  return metadataPlaces.reduce((sum, { of }) => sum + of(memory), 0);
}

/** Two panels: metadata beside data on one axis would be a hairline. */
function memoryPlot(groups: Groups, context: PlotContext, suffix: string): Plot {
  const rows = rowsOf(undefined, groups, (group) => group.memory);
  const dataOf = (memory: MemorySummary): number => memory.dataBytes.median;
  const [dataUnit, metadataUnit] = [dataOf, metadataOf].map((of) =>
    byteUnitOf(groups.map(({ memory }) => of(memory))),
  ) as [ReturnType<typeof byteUnitOf>, ReturnType<typeof byteUnitOf>];
  const input = {
    title: 'Memory in use at the end of the run',
    subtitle: 'all replicas; the two panels have axes of their own',
    rows,
    legend: true,
    panels: [
      {
        xName: `data on memory nodes (${dataUnit.name})`,
        stacked: true,
        segments: [
          {
            name: 'data',
            color: rows.map(({ group }) => group && context.styles.get(group.system)!.color),
            values: valuesOf(rows, (memory) => dataOf(memory) / dataUnit.factor),
            inLegend: false,
          },
        ],
        notes: notesOf(rows, (memory) => ({
          at: dataOf(memory) / dataUnit.factor,
          text: formatBytes(dataOf(memory)),
        })),
      },
      {
        xName: `metadata (${metadataUnit.name})`,
        stacked: true,
        segments: metadataPlaces.map(({ name, of }, index) => ({
          name: `metadata ${name}`,
          color: categories[index]!,
          values: valuesOf(rows, (memory) => of(memory) / metadataUnit.factor),
        })),
        notes: notesOf(rows, (memory) => ({
          at: metadataOf(memory) / metadataUnit.factor,
          text: formatBytes(metadataOf(memory)),
        })),
      },
    ],
  };
  const numbers = describeRows(rows, (memory) => {
    const places = metadataPlaces.map(({ name, of }) => `${formatBytes(of(memory))} ${name}`);
    return `data ${formatBytes(dataOf(memory))}; metadata ${places.join(', ')}`;
  });
  return rowPlot(`memory${suffix}`, groups, input, numbers);
}

function costPlot(groups: Groups, context: PlotContext, suffix: string): Plot {
  const rows = rowsOf(undefined, groups, (group) => ({
    usd: group.capexUsd.median,
    energy: group.energyMicrojoulePerOperation.median,
    interval: group.energyMicrojoulePerOperation.interval,
  }));
  const colors = rows.map(({ group }) => group && context.styles.get(group.system)!.color);
  const input = {
    title: 'Cost to buy and to run',
    subtitle: joined(
      'CapEx: list prices of the nodes; OpEx: energy of useful CPU time',
      context.repetitions,
    ),
    rows,
    legend: false,
    panels: [
      {
        xName: 'CapEx (thousand USD)',
        stacked: true,
        segments: [
          { name: 'CapEx', color: colors, values: valuesOf(rows, ({ usd }) => usd / 1000) },
        ],
        notes: notesOf(rows, ({ usd }) => ({ at: usd / 1000, text: formatUsd(usd) })),
      },
      {
        xName: 'OpEx: energy (µJ per operation)',
        stacked: true,
        segments: [{ name: 'OpEx', color: colors, values: valuesOf(rows, ({ energy }) => energy) }],
        notes: notesOf(rows, ({ energy, interval }) => ({
          at: energy,
          text: `${significant(energy)} µJ`,
          interval,
        })),
      },
    ],
  };
  const numbers = describeRows(
    rows,
    ({ usd, energy }) => `${formatUsd(usd)}, ${significant(energy)} µJ per operation`,
  );
  return rowPlot(`cost${suffix}`, groups, input, numbers);
}
