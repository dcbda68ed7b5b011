import { expect, test } from '@jest/globals';
import { LEVEL_NAMES } from '../../../../src/backbone/graph/graph.js';
import { REFERENCE, settingsOf } from '../../../../src/cli/compare/settings.js';
import { describeSettings, type MeasuredSetting } from '../../../../src/cli/compare/table.js';

/** The largest numbers that a canvas of 4096² and a fast machine give. */
const speeds = { float32Bytes: 3e9, encodeMBps: 12345.6, decodeMBps: 7, imagesPerSecond: 123.456 };
const levels = LEVEL_NAMES.map((level) => ({ level, cosine: 0.999985, snrDb: 28.04, maxAbs: 0.1 }));
const settings: MeasuredSetting[] = [
  { ...REFERENCE, ...speeds, bytes: 2e9, levels: levels.map((error) => ({ ...error, snrDb: null })) },
  ...settingsOf('int8').map((setting) => ({ ...setting, ...speeds, bytes: 123_456_789, levels })),
];
const lines = describeSettings(settings, 4).split('\n');

test('fits into 120 columns with every level there is', () => {
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(120);
});

test('one row per setting in each table, numbers to the right', () => {
  expect(lines[0]).toContain('means of 4 images');
  expect(lines[0]).toContain('3000.0 MB');
  const rows = lines.filter((line) => line.startsWith('int8     uint8 jpeg 85 '));
  expect(rows.map((row) => row.split(/ {2,}/).slice(2))).toEqual([
    ['123.46', '24.3', '12,346', '7', '123.46'],
    levels.map(() => '28.0'),
    levels.map(() => '0.99999'),
  ]);
  expect(lines[1]!.indexOf('images/s') + 'images/s'.length).toBe(lines[3]!.length);
});

test('what loses nothing has no ratio of signal to noise', () => {
  const row = lines.filter((line) => line.startsWith('float32  float32 zstd'))[1];
  expect(row!.split(/ +/).slice(3)).toEqual(levels.map(() => '–'));
});

test('one image is no mean, and there is no worst', () => {
  expect(describeSettings(settings, 1)).not.toMatch(/means|worst/);
});
