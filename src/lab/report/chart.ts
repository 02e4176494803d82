import type { EChartsCoreOption } from 'echarts/core';
import { init, setPlatformAPI } from 'echarts/dist/echarts.esm.min';
import { gridLine, ink, muted } from './palette.ts';

/**
 * Families without quotation marks, which ECharts would put inside an attribute's own. The last
 * ones are those of Linux distributions, for pictures drawn without a browser.
 */
export const fontFamily =
  'Inter, Segoe UI, Helvetica Neue, Helvetica, Arial, Liberation Sans, Noto Sans, DejaVu Sans, ' +
  'sans-serif';
export const fontSizePx = 12;

/**
 * Nobody can measure text without a browser, and which font a reader has is not known: legends are
 * laid out for a wide one (DejaVu Sans), so that entries never run into each other. Ideographs are
 * square; by one of them ECharts also judges the height of a line.
 */
const characterEm = 0.62;

setPlatformAPI({
  measureText: (text: string, font?: string) => {
    const sizePx = Number.parseFloat(/([\d.]+)px/.exec(font ?? '')?.[1] ?? String(fontSizePx));
    const square = text.match(/[\u2e80-\uffff]/g)?.length ?? 0;
    return { width: (square + (text.length - square) * characterEm) * sizePx };
  },
});

/** Pixels that `text` takes at most, in the usual size. */
export function textWidthPx(text: string, isBold = false): number {
  return text.length * fontSizePx * characterEm * (isBold ? 1.1 : 1);
}

/** A picture before it is drawn. */
export interface Chart {
  readonly title: string;
  readonly subtitle: string;
  readonly heightPx: number;
  readonly option: EChartsCoreOption;
}

export const pictureWidthPx = 760;
const legendLeftPx = 12;
const legendGapPx = 16;
const legendRowPx = 28;

/** Space above the first grid: below the title and subtitle, and below a legend under them. */
export const headPx = { subtitle: 54, legend: 84 } as const;

/**
 * Draws a chart as SVG without a browser. `prefix` makes its ids unique in a page that shows
 * several; `background` is a colour for pictures that stand alone.
 */
export function renderSvg(chart: Chart, prefix: string, background?: string): string {
  const instance = init(null, null, {
    renderer: 'svg',
    ssr: true,
    width: pictureWidthPx,
    height: chart.heightPx,
  });
  try {
    instance.setOption({ ...frame(chart), ...chart.option });
    return cleaned(instance.renderToSVGString(), prefix, background);
  } finally {
    // An instance that is not disposed of keeps a timer, and with it the process, alive.
    instance.dispose();
  }
}

function frame(chart: Chart): EChartsCoreOption {
  return {
    animation: false,
    textStyle: { fontFamily, fontSize: fontSizePx, color: ink.light },
    title: {
      text: chart.title,
      subtext: chart.subtitle,
      left: 8,
      top: 4,
      itemGap: 6,
      textStyle: { fontSize: 15, fontWeight: 600, color: ink.light },
      subtextStyle: { fontSize: fontSizePx, color: muted.light },
    },
  };
}

/** Pixels from the top down to the first grid's edge, below a legend of `names`. */
export function belowLegendPx(names: readonly string[], symbolPx: number): number {
  let rows = 1;
  let usedPx = 0;
  for (const name of names) {
    const entryPx = symbolPx + 5 + textWidthPx(name) + legendGapPx;
    if (usedPx > 0 && usedPx + entryPx > pictureWidthPx - 2 * legendLeftPx) {
      rows++;
      usedPx = 0;
    }
    usedPx += entryPx;
  }
  return headPx.legend + (rows - 1) * legendRowPx;
}

/** A legend under the title, with entries in a row, or in several where there are many. */
export function legendStyle(symbolPx: number): Record<string, unknown> {
  return {
    left: legendLeftPx,
    top: headPx.subtitle - 1,
    width: pictureWidthPx - 2 * legendLeftPx,
    padding: 0,
    itemWidth: symbolPx,
    itemGap: legendGapPx,
    textStyle: { color: ink.light, fontSize: fontSizePx },
  };
}

/** What axes have in common. */
export const axisStyle = {
  nameTextStyle: { color: ink.light, fontSize: fontSizePx },
  axisLabel: { color: muted.light, fontSize: fontSizePx },
  axisLine: { show: true, onZero: false, lineStyle: { color: muted.light } },
  axisTick: { show: true, lineStyle: { color: muted.light } },
  splitLine: { show: true, lineStyle: { color: gridLine.light } },
} as const;

/**
 * Leaves the drawing alone and takes away what serves ECharts in a live page: style rules for
 * hovering, which would colour things by accident, pointer events, and its own attributes.
 * ECharts numbers ids by process; ours are the same in every run. Control characters, which a
 * name may have, have no place in XML.
 */
function cleaned(svg: string, prefix: string, background: string | undefined): string {
  const plain = svg
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '')
    .replace(/<style\s*>[\s\S]*?<\/style>\s*/g, '')
    .replace(/ (?:class|pointer-events|ecmeta_[a-z_]+)="[^"]*"/g, '')
    .replace(/zr\d+-/g, `${prefix}-`)
    .replace(/<defs >/g, '<defs>')
    .replace(/ baseProfile="full"/, '');
  return background === undefined
    ? plain
    : plain.replace(/(<rect [^>]*?)fill="none"/, `$1fill="${background}"`);
}
