import type { ExperimentResult } from '../result.ts';
import { pictureWidthPx, renderSvg } from './chart.ts';
import { escapeHtml, Html } from './html.ts';
import { inPage } from './palette.ts';
import type { Plot } from './plot.ts';
import { plotsOf } from './plots.ts';
import { svgToPng } from './png.ts';

export const plotFormats = ['svg', 'png'] as const;
export type PlotFormat = (typeof plotFormats)[number];

/** A picture that stands alone, on white; its description goes with it. */
export function standaloneSvg(plot: Plot): string {
  return renderSvg(plot.chart, 'plot', '#ffffff').replace(
    /<svg [^>]*>/,
    (tag) =>
      `${tag.slice(0, -1)} role="img">\n<title>${escapeHtml(plot.chart.title)}</title>\n` +
      `<desc>${escapeHtml(plot.description)}</desc>`,
  );
}

/**
 * A picture in a page: in the page's colours, as wide as there is room. `id` is unique in the
 * page.
 */
export function inlineSvg(plot: Plot, id: string): Html {
  const svg = inPage(renderSvg(plot.chart, id)).replace(
    /<svg [^>]*>/,
    `<svg role="img" aria-label="${escapeHtml(plot.description)}" ` +
      `viewBox="0 0 ${pictureWidthPx} ${plot.chart.heightPx}">`,
  );
  return new Html(svg);
}

/**
 * All plots of a result as files: names with extension, and contents. FARSIDE_OUTPUT without
 * fonts.
 */
export function plotFiles(
  result: ExperimentResult,
  format: PlotFormat,
): Map<string, string | Uint8Array> {
  return new Map(
    plotsOf(result).map((plot) => {
      const svg = standaloneSvg(plot);
      return [`${plot.name}.${format}`, format === 'svg' ? svg : svgToPng(svg)];
    }),
  );
}
