import type { LevelError } from '../../backbone/calibration/calibration.js';
import { formatTable, megabytes } from '../output.js';
import type { Measurement } from './measure.js';
import { encodingName, type Setting } from './settings.js';

export type MeasuredSetting = Setting & Measurement;

/** All settings as tables of at most 120 columns: sizes and speeds, then SNR and cosine level by level. */
export function describeSettings(settings: readonly MeasuredSetting[], images: number): string {
  const float32 = megabytes(settings[0]!.float32Bytes);
  const worst = images === 1 ? '' : `, the worst of ${images} images`;
  const speeds = settings.map(({ bytes, float32Bytes, encodeMBps, decodeMBps, imagesPerSecond }) => [
    decimals(bytes / 1e6, 2),
    decimals(float32Bytes / bytes, 1),
    decimals(encodeMBps, 0),
    decimals(decodeMBps, 0),
    decimals(imagesPerSecond, 2),
  ]);
  const head = ['MB/image', 'times smaller', 'encode MB/s', 'decode MB/s', 'images/s'];
  return [
    `Sizes and speeds${images === 1 ? '' : `, means of ${images} images`}. Ratios and MB/s are of float32 without compression, ${float32} per image.`,
    table(settings, head, speeds),
    '',
    `Signal-to-noise ratio in dB${worst}, against the float32 levels of the float32 network:`,
    ofLevels(settings, ({ snrDb }) => (snrDb === null ? '–' : decimals(snrDb, 1))),
    '',
    `Cosine${worst}:`,
    ofLevels(settings, ({ cosine }) => decimals(cosine, 5)),
  ].join('\n');
}

function ofLevels(settings: readonly MeasuredSetting[], show: (error: LevelError) => string): string {
  const names = settings[0]!.levels.map(({ level }) => level);
  return table(
    settings,
    names,
    settings.map(({ levels }) => levels.map(show)),
  );
}

/** One row per setting; values are aligned to the right. */
function table(settings: readonly Setting[], head: readonly string[], values: readonly string[][]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...values.map((row) => row[column]!.length)));
  const right = (row: readonly string[]) => row.map((value, column) => value.padStart(widths[column]!));
  return formatTable(
    ['compute', 'levels as', ...right(head)],
    settings.map((setting, i) => [setting.precision, encodingName(setting), ...right(values[i]!)]),
  );
}

function decimals(value: number, digits: number): string {
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
