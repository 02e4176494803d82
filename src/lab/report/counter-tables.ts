import { builtInSystems } from '../../systems/index.ts';
import { formatCount } from '../output/format.ts';
import { pointLabel, systemLabel } from '../output/names.ts';
import type { GroupSummary } from '../statistics/summary.ts';
import { type Html, html } from './html.ts';

/** Counters of the systems themselves, summed over seeds, and what each of them counts. */
export function counterTables(groups: readonly GroupSummary[]): Html | undefined {
  const counting = groups.filter((group) => totals(group).size > 0);
  if (counting.length === 0) return undefined;
  const isSwept = counting.some((group) => pointLabel(group.point) !== '');
  const pointHead = isSwept ? html`<th scope="col" class="text">point</th>` : [];
  const rows = counting.map((group) => {
    const point = isSwept ? html`<td class="text">${pointLabel(group.point)}</td>` : [];
    return html`<tr><th scope="row" class="text">${systemLabel(group.system)}</th>${point}
<td class="text wrap">${totalsText(totals(group))}</td></tr>\n`;
  });
  return html`<div class="scroll" tabindex="0"><table>
<caption>Counters of the systems, all seeds</caption>
<thead><tr><th scope="col" class="text">system</th>${pointHead}
<th scope="col" class="text">counters</th></tr></thead><tbody>${rows}</tbody></table></div>
${glossary(groups)}\n`;
}

function totals({ runs }: GroupSummary): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { events } of runs) {
    for (const [name, count] of Object.entries(events)) {
      sums.set(name, (sums.get(name) ?? 0) + count);
    }
  }
  return sums;
}

/** Those that never happened stand last: they say something too, and would drown the others. */
function totalsText(sums: ReadonlyMap<string, number>): string {
  const never = [...sums.keys()].filter((name) => sums.get(name) === 0);
  const counted = [...sums].filter(([, sum]) => sum !== 0);
  return [
    ...counted.map(([name, sum]) => `${name} ${formatCount(sum)}`),
    ...(never.length === 0 ? [] : [`none of ${never.join(', ')}`]),
  ].join(', ');
}

/** Of farside's own systems; one of the user's is not loaded for a report. */
function glossary(groups: readonly GroupSummary[]): readonly Html[] {
  return [...new Set(groups.map(({ system }) => system))].flatMap((system) => {
    const counters = Object.entries(builtInSystems.get(system)?.counters ?? {});
    if (counters.length === 0) return [];
    const rows = counters.map(
      ([name, meaning]) => html`<tr><th scope="row" class="text">${name}</th>
<td class="text">${meaning}</td></tr>\n`,
    );
    return [
      html`<div class="scroll" tabindex="0"><table><caption>What the counters of ${system} count</caption>
<thead><tr><th scope="col" class="text">counter</th><th scope="col" class="text">once for each</th></tr>
</thead><tbody>${rows}</tbody></table></div>\n`,
    ];
  });
}
