import { asCairnError, withCause } from '../errors.js';
import { printable, printableJson } from '../printable.js';
import { isSeeded } from '../backbone/weights/weights.js';

/** A wrapped column is at least this wide, even where the terminal is too narrow for it. */
const MIN_WRAPPED = 20;
const GAP = '  ';

export interface TableOptions {
  /** Characters per line: by default those of the terminal, unlimited where stdout is none. */
  readonly width?: number | undefined;
  /** Titles of the columns to leave out if the table is too wide, the first first. */
  readonly optional?: readonly string[];
}

/**
 * Lines of text with the columns of `rows` aligned, numbers to the right, below a ruled head. If that is too wide,
 * optional columns go first; then the last column wraps.
 */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  { width = process.stdout.isTTY ? process.stdout.columns : Infinity, optional = [] }: TableOptions = {},
): string {
  const cells = rows.map((row) =>
    row.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en') : printable(cell))),
  );
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]!.length)));
  const numeric = head.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number'));
  let columns = [...head.keys()];
  const excess = () => columns.reduce((sum, column) => sum + widths[column]! + GAP.length, -GAP.length) - width;
  for (const title of optional) if (excess() > 0) columns = columns.filter((column) => head[column] !== title);
  const last = columns.at(-1)!;
  if (excess() > 0) widths[last] = Math.max(widths[last]! - excess(), Math.min(widths[last]!, MIN_WRAPPED));

  const line = (row: readonly string[]) =>
    columns
      .map((column) =>
        numeric[column] ? row[column]!.padStart(widths[column]!) : row[column]!.padEnd(widths[column]!),
      )
      .join(GAP)
      .trimEnd();
  const body = cells.flatMap((row) =>
    wrap(row[last]!, widths[last]!).map((part, index) =>
      line(row.map((cell, column) => (column === last ? part : index === 0 ? cell : ''))),
    ),
  );
  return [line(head), columns.map((column) => '─'.repeat(widths[column]!)).join(GAP), ...body].join('\n');
}

/** Breaks a text between words, and within words that are too long for a line. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text
    .split(' ')
    .flatMap((whole) => whole.match(new RegExp(`.{1,${Math.max(width, 1)}}`, 'gu')) ?? [''])) {
    const longer = `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && longer.length <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** Seconds as a person reads them: `4 s`, `3 min 20 s`, `5 h 12 min`. */
export function duration(seconds: number | null): string {
  if (seconds === null) return '–';
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Prints a value as JSON for a program, or as text for a person. */
export function print(value: unknown, { json }: { readonly json?: boolean }, text: () => string): void {
  console.log(json ? printableJson(value, 2) : text());
}

/** Warns on stderr when a model runs on untrained weights. */
export function warnOfSeededWeights(model: string, source: string): void {
  if (!isSeeded(source)) return;
  console.error(`cairn: ${model} runs on seeded weights: real arithmetic, but nothing was learned`);
}

/** An error as every command reports it: a sentence for a person, a code for a program. */
export function describeError(error: unknown): string {
  const known = asCairnError(error);
  // The store is a folder of the user, whose path is in the cause.
  const message = known.code === 'store-failed' ? withCause(known) : known.message;
  return `${printable(message, '\n')} [${known.code}]`;
}
