import { Resvg } from '@resvg/resvg-js';
import { FarsideError } from '../../core/errors.ts';
import { fontFamily } from './chart.ts';

/** Pixels of a PNG for one of the SVG: sharp on screens of twice the usual density and in print. */
const zoom = 2;

/** FARSIDE_OUTPUT where no font is installed, since text would silently be missing. */
export function svgToPng(svg: string): Uint8Array {
  requireFont();
  const picture = new Resvg(svg, {
    fitTo: { mode: 'zoom', value: zoom },
    font: { loadSystemFonts: true },
  });
  return picture.render().asPng();
}

let fontFound: boolean | undefined;

/**
 * Whether text can be drawn here: the renderer leaves it out where the system has no font at all.
 */
export function requireFont(): void {
  fontFound ??= hasFont();
  if (fontFound) return;
  throw new FarsideError(
    'FARSIDE_OUTPUT',
    'plots as PNG need a font, and this system has none: install one (Debian and Ubuntu: ' +
      'apt-get install fonts-dejavu-core; Fedora: dnf install dejavu-sans-fonts), or use ' +
      '--plots svg',
  );
}

/** Without the system's fonts there is none: what a test sees of a machine that has none. */
export function hasFont(loadSystemFonts = true): boolean {
  const text =
    '<svg xmlns="http://www.w3.org/2000/svg" width="100" height="40">' +
    `<text x="5" y="20" font-size="12" font-family="${fontFamily}">text</text></svg>`;
  return new Resvg(text, { font: { loadSystemFonts } }).getBBox() !== undefined;
}
