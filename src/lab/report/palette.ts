/**
 * Colours of plots: for each a value on paper and one on a dark page. Systems wear the same
 * colour in every plot of every experiment. The hues are Okabe and Ito's, which people with any
 * colour vision tell apart, darkened or lightened until text in them can be read; symbols and
 * dashes differ as well, for those who print in grey.
 *
 * A picture is drawn in the light values. Where it stands in a page they become CSS variables
 * (`inPage`), so that one picture serves both schemes.
 */
export interface Color {
  readonly name: string;
  readonly light: string;
  readonly dark: string;
}

const color = (name: string, light: string, dark: string): Color => ({ name, light, dark });

export const ink = color('ink', '#1c2024', '#e8eaed');
export const muted = color('muted', '#5b6169', '#a3aab3');
export const gridLine = color('grid', '#d9dce1', '#3a4048');
export const idle = color('idle', '#eceef1', '#2a2f36');

const systemColors = [
  color('system-0', '#0069a6', '#5db4ea'),
  color('system-1', '#c04e00', '#f08a43'),
  color('system-2', '#007a58', '#2fc39a'),
  color('system-3', '#a34a80', '#dd92bd'),
  color('system-4', '#8a6400', '#e0ac2b'),
  color('system-5', '#2f7fae', '#86cdf2'),
  color('system-6', '#55504c', '#b9b3ad'),
];

const symbols = ['circle', 'rect', 'triangle', 'diamond', 'roundRect', 'pin', 'arrow'];
const dashes = ['solid', [7, 4], [3, 2], [10, 3, 2, 3]] as const;

const builtIn = ['direct', 'central', 'clover'];

export interface SystemStyle {
  readonly color: Color;
  readonly symbol: string;
  readonly dash: 'solid' | number[];
}

/** Styles of `systems`: those that ship have theirs, others take what is left in their order. */
export function systemStyles(systems: readonly string[]): Map<string, SystemStyle> {
  const others = systems.filter((system) => !builtIn.includes(system));
  return new Map(
    systems.map((system) => {
      const index = builtIn.includes(system)
        ? builtIn.indexOf(system)
        : builtIn.length + others.indexOf(system);
      const dash = dashes[index % dashes.length]!;
      const style: SystemStyle = {
        color: systemColors[index % systemColors.length]!,
        symbol: symbols[index % symbols.length]!,
        dash: dash === 'solid' ? dash : [...dash],
      };
      return [system, style];
    }),
  );
}

/** Two directions of bytes, kinds of memory: no system's hue, since they are no systems. */
export const categories = [
  color('category-0', '#47536b', '#a9b6d3'),
  color('category-1', '#dcb03c', '#e3bd55'),
  color('category-2', '#a58bc9', '#b79ede'),
];

/** Counts of round trips, few to many: darker is more, whatever hues one sees. */
export const sequence = [
  color('sequence-0', '#e3e4e6', '#f4f4f5'),
  color('sequence-1', '#fbdc98', '#fbe3ae'),
  color('sequence-2', '#f7b057', '#f7b969'),
  color('sequence-3', '#ec7c50', '#ee8a62'),
  color('sequence-4', '#d4556c', '#da647a'),
  color('sequence-5', '#ab2d8c', '#c04ba3'),
  color('sequence-6', '#7b17a2', '#9c3fc2'),
  color('sequence-7', '#431598', '#7246cf'),
];

const all = [ink, muted, gridLine, idle, ...systemColors, ...categories, ...sequence];

/** The variables that pictures in a page use, for one scheme. */
export function cssVariables(scheme: 'light' | 'dark'): string {
  return all.map((entry) => `--${entry.name}:${entry[scheme]};`).join('');
}

/** A picture whose colours follow the page's scheme. */
export function inPage(svg: string): string {
  return all.reduce(
    (text, entry) => text.replaceAll(`"${entry.light}"`, `"var(--${entry.name})"`),
    svg,
  );
}
