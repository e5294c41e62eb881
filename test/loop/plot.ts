import type { LoopRecord, Quantity } from './timeline.ts';

/** One panel of a plot. The panels are below each other and show lines over the same time. */
interface Panel {
  readonly title: string;
  readonly lines: readonly Line[];
}

interface Line {
  readonly quantity: Quantity;
  readonly label: string;
  readonly color: string;
  /** True for whole numbers, which change in steps. */
  readonly isStep: boolean;
}

const panels: readonly Panel[] = [
  {
    title: 'Additions per second',
    lines: [
      { quantity: 'offered', label: 'offered', color: '#888888', isStep: true },
      { quantity: 'incoming', label: 'incoming', color: '#1f77b4', isStep: false },
    ],
  },
  {
    title: 'Lag, records',
    lines: [
      { quantity: 'lag', label: 'recorded', color: '#d62728', isStep: false },
      { quantity: 'ownLag', label: 'aggregators', color: '#e8a0a0', isStep: false },
    ],
  },
  {
    title: 'Aggregators',
    lines: [
      { quantity: 'desired', label: 'desired', color: '#ff7f0e', isStep: true },
      { quantity: 'replicas', label: 'actual', color: '#2ca02c', isStep: true },
      { quantity: 'ready', label: 'ready', color: '#9467bd', isStep: true },
    ],
  },
];

const width = 900;
/** Width of a letter of a mark, in pixels. */
const markLetterWidth = 6;
const left = 70;
const right = 110;
const panelHeight = 170;
/** Height above the first panel, in pixels: for the title and several rows of marks, so that marks do not overlap. */
const top = 96;
const markRows = 4;
const gap = 50;
const tickCount = 4;

/** Draws a record as SVG: rate, lag and aggregators over time, with a line for each mark. */
export function renderPlot(title: string, record: LoopRecord): string {
  const seconds = Math.max(1, record.points.at(-1)?.at ?? 1);
  const plotWidth = width - left - right;
  const x = (at: number) => left + (at / seconds) * plotWidth;
  const height = top + panels.length * (panelHeight + gap);
  const bottom = height - gap;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>${escapeText(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    text(left, 22, title, 'font-size="15" font-weight="bold"'),
    ...record.marks.flatMap(({ at, text: said }, index) => [
      `<line x1="${fixed(x(at))}" y1="${top - 6}" x2="${fixed(x(at))}" y2="${bottom}" stroke="#bbbbbb" stroke-dasharray="4 3"/>`,
      renderMark(x(at), top - 58 + (index % markRows) * 11, said),
    ]),
    ...panels.flatMap((panel, index) => renderPanel(panel, { record, x, y0: top + index * (panelHeight + gap) })),
    ...timeAxis(seconds, x, bottom),
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

/** Writes a mark to the right of its line, or to the left if the edge would cut the text off. */
function renderMark(x: number, y: number, said: string): string {
  const isCut = x + said.length * markLetterWidth > width;
  return text(isCut ? x - 3 : x + 3, y, said, `font-size="10" fill="#555555"${isCut ? ' text-anchor="end"' : ''}`);
}

interface Frame {
  readonly record: LoopRecord;
  readonly x: (at: number) => number;
  readonly y0: number;
}

function renderPanel({ title, lines }: Panel, { record, x, y0 }: Frame): string[] {
  const values = lines.flatMap(({ quantity }) => record.points.map((point) => point[quantity] ?? 0));
  const highest = niceCeiling(Math.max(1, ...values));
  const y = (value: number) => y0 + panelHeight - (value / highest) * panelHeight;
  const ticks = Array.from({ length: tickCount + 1 }, (_, index) => (highest * index) / tickCount);
  return [
    text(left, y0 - 8, title, 'font-weight="bold"'),
    ...ticks.flatMap((tick) => [
      `<line x1="${left}" y1="${fixed(y(tick))}" x2="${width - right}" y2="${fixed(y(tick))}" stroke="#eeeeee"/>`,
      text(left - 8, y(tick) + 4, String(tick), 'text-anchor="end"'),
    ]),
    ...lines.flatMap(({ quantity, label, color, isStep }, index) => [
      `<path d="${pathOf(record, quantity, { x, y, isStep })}" fill="none" stroke="${color}" stroke-width="1.8"/>`,
      `<rect x="${width - right + 12}" y="${y0 + 4 + index * 18}" width="12" height="3" fill="${color}"/>`,
      text(width - right + 30, y0 + 10 + index * 18, label, ''),
    ]),
  ];
}

/** Draws the line of a quantity. A gap in the values is a gap in the line. */
function pathOf(
  { points }: LoopRecord,
  quantity: Quantity,
  { x, y, isStep }: { x: (at: number) => number; y: (value: number) => number; isStep: boolean },
): string {
  let path = '';
  let last: number | undefined;
  for (const point of points) {
    const value = point[quantity];
    const [px, py] = [fixed(x(point.at)), fixed(y(value ?? 0))];
    if (value === undefined) last = undefined;
    else {
      if (last === undefined) path += `M${px} ${py}`;
      else path += isStep && value !== last ? `H${px}V${py}` : `L${px} ${py}`;
      last = value;
    }
  }
  return path;
}

function timeAxis(seconds: number, x: (at: number) => number, bottom: number): string[] {
  const every = [10, 30, 60, 120, 300].find((step) => seconds / step <= 10) ?? 600;
  const ticks = Array.from({ length: Math.floor(seconds / every) + 1 }, (_, index) => index * every);
  return ticks.map((tick) => text(x(tick), bottom + 18, `${tick} s`, 'text-anchor="middle"'));
}

/**
 * Returns the end of an axis: a round number that is not below the value. Its quarters have few digits, and on an
 * axis of pods they are whole numbers.
 */
function niceCeiling(value: number): number {
  if (value <= 4 * tickCount) return Math.max(1, Math.ceil(value / tickCount)) * tickCount;
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8].find((one) => one * power >= value) ?? 10;
  return factor * power;
}

function text(x: number, y: number, said: string, attributes: string): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}" ${attributes}>${escapeText(said)}</text>`;
}

function escapeText(said: string): string {
  return said.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function fixed(value: number): string {
  return String(Math.round(value * 10) / 10);
}
