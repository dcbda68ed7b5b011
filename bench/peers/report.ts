import { formatTable } from '../../src/cli/output.js';
import { median, ratios, sum } from '../statistics.js';
import type { Contestant } from './contestant.js';

/** What was measured of a contestant. */
export interface Measured extends Pick<Contestant, 'name' | 'side' | 'kind' | 'precision'> {
  /** From the start of its first process to its first archive, compilation included. */
  readonly startSeconds: number;
  /** Seconds per image of each round. */
  readonly seconds: number[];
  /** Bytes of archives per image of each round. */
  readonly bytes: number[];
  /** See `peakOfTreeMb`. */
  peakMb: number;
}

/** What the contestants are compared by; a ratio above 1 means that the first is ahead. */
const COLUMNS = {
  'images/s': {
    show: (one) => (1 / median(one.seconds)).toFixed(2),
    ahead: (a, b) => median(ratios(b.seconds, a.seconds)),
  },
  'MB/image': { show: (one) => megabytes(one).toFixed(1), ahead: (a, b) => megabytes(b) / megabytes(a) },
  'peak RSS, MB': { show: (one) => one.peakMb.toFixed(0), ahead: (a, b) => b.peakMb / a.peakMb },
} satisfies Record<string, { show: (one: Measured) => string; ahead: (a: Measured, b: Measured) => number }>;
type Column = keyof typeof COLUMNS;

export interface Verdict {
  readonly among: string;
  readonly column: Column;
  readonly peer: string;
  readonly cairn: string;
  /** How many times better Cairn's best is than the best peer; below 1 it is behind. */
  readonly ratio: number;
}

const megabytes = ({ bytes }: Measured) => sum(bytes) / bytes.length / 1e6;

const best = (column: Column, of: readonly Measured[]) =>
  of.reduce((first, next) => (COLUMNS[column].ahead(next, first) > 1 ? next : first));

/** Cairn's best against the best peer in each column: among scripts and among services, all and those in float32. */
export function judge(all: readonly Measured[]): Verdict[] {
  const groups = (['script', 'service'] as const).flatMap((kind) => {
    const some = all.filter((one) => one.kind === kind);
    return [
      { among: `${kind}s in float32`, some: some.filter(({ precision }) => precision === 'float32') },
      { among: `all ${kind}s`, some },
    ];
  });
  return groups.flatMap(({ among, some }) =>
    (Object.keys(COLUMNS) as Column[]).map((column) => {
      const [peer, cairn] = (['peer', 'Cairn'] as const).map((side) =>
        best(
          column,
          some.filter((one) => one.side === side),
        ),
      );
      return { among, column, peer: peer!.name, cairn: cairn!.name, ratio: COLUMNS[column].ahead(cairn!, peer!) };
    }),
  );
}

function inWords(ratio: number): string {
  const text = ratio.toFixed(2);
  return `${text} ${text === '1.00' ? 'even' : ratio > 1 ? 'ahead' : 'behind'}`;
}

export function describe(all: readonly Measured[], reference: Measured): string {
  const columns = Object.keys(COLUMNS) as Column[];
  const rows = all.map((one) => [
    one.name,
    ...columns.map((column) => COLUMNS[column].show(one)),
    median(ratios(one.seconds, reference.seconds)).toFixed(2),
    one.startSeconds.toFixed(1),
  ]);
  const verdicts = judge(all).map(({ among, column, peer, cairn, ratio }) => {
    return [among, column, peer, cairn, inWords(ratio)];
  });
  return [
    formatTable(['', ...columns, 'time : first of Cairn', 'start, s'], rows),
    '',
    ...columns.map((column) => `Best of all in ${column}: ${best(column, all).name}`),
    '',
    formatTable(['among', 'column', 'best peer', "best of Cairn's", 'Cairn : peer'], verdicts),
  ].join('\n');
}
