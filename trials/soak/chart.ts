export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly series: readonly Series[];
}

const WIDTH = 800;
const HEIGHT = 180;
const LEFT = 70;
const RIGHT = 150;
const TOP = 30;
const BOTTOM = 25;
const TICKS = 4;
const COLOURS = ['#1f77b4', '#d62728', '#2ca02c', '#9467bd', '#ff7f0e'];

/** Panels below each other, over the minutes of a run, as an SVG document. */
export function drawChart(title: string, panels: readonly Panel[]): string {
  const drawn = panels.map(
    (panel, i) => `<g transform="translate(0,${40 + i * (HEIGHT + 10)})">${drawPanel(panel)}</g>`,
  );
  const height = 40 + panels.length * (HEIGHT + 10);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${WIDTH}" height="${height}" fill="white"/>`,
    `<text x="${LEFT}" y="22" font-size="14">${escape(title)}</text>`,
    ...drawn,
    '</svg>\n',
  ].join('\n');
}

function drawPanel({ title, unit, series }: Panel): string {
  const all = series.flatMap(({ points }) => points);
  const lastX = Math.max(1e-9, ...all.map(([x]) => x));
  const top = niceTop(Math.max(0, ...all.map(([, y]) => y)));
  const [right, bottom] = [WIDTH - RIGHT, HEIGHT - BOTTOM];
  const x = (value: number) => (LEFT + (value / lastX) * (right - LEFT)).toFixed(1);
  const y = (value: number) => (bottom - (value / top) * (bottom - TOP)).toFixed(1);
  const ticks = Array.from({ length: TICKS + 1 }, (_, i) => i / TICKS);
  return [
    `<text x="${LEFT}" y="${TOP - 10}" font-weight="bold">${escape(title)} (${escape(unit)})</text>`,
    ...ticks.flatMap((share) => [
      `<line x1="${LEFT}" y1="${y(share * top)}" x2="${right}" y2="${y(share * top)}" stroke="#ddd"/>`,
      `<text x="${LEFT - 6}" y="${y(share * top)}" text-anchor="end" dominant-baseline="middle">${short(share * top)}</text>`,
      `<text x="${x(share * lastX)}" y="${bottom + 15}" text-anchor="middle">${short(share * lastX)}${share === 1 ? ' min' : ''}</text>`,
    ]),
    ...series.flatMap(({ name, points }, i) => {
      const colour = COLOURS[i % COLOURS.length];
      const path = points.map(([at, value]) => `${x(at)},${y(value)}`).join(' ');
      return [
        `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>`,
        `<text x="${right + 10}" y="${TOP + 8 + i * 15}" fill="${colour}">${escape(name)}</text>`,
      ];
    }),
  ].join('\n');
}

/** One, two or five times a power of ten, at least `most`. */
function niceTop(most: number): number {
  if (most <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 5, 10].map((step) => step * power).find((top) => top >= most)!;
}

const short = (value: number) => Number(value.toPrecision(3)).toLocaleString('en');
const escape = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
