import { describe, expect, test } from '@jest/globals';
import { parseCalibration, type CalibrationFile } from '../../../../src/backbone/calibration/calibration.js';

const DIGEST = 'ab'.repeat(32);
const FILE: CalibrationFile = {
  format: 'cairn-calibration-v1',
  model: 'mask-rcnn-resnet18',
  weightsDigests: ['cd'.repeat(32), DIGEST],
  size: 256,
  levels: ['C2'],
  images: { count: 4, heldOut: 1 },
  ranges: { a: { min: -1, max: 2, method: 'minmax' }, b: { min: 0, max: 3, method: 'mse' } },
  measured: [{ level: 'C2', cosine: 0.9995, snrDb: null, maxAbs: 0 }],
};
const parse = (file: object) => parseCalibration(JSON.stringify(file), 'x.calibration.json', DIGEST);

test('gives the ranges by name, and a digest of them alone', () => {
  const { ranges, digest } = parse(FILE);
  expect(ranges).toEqual({ a: [-1, 2], b: [0, 3] });
  const { a, b } = FILE.ranges;
  expect(parse({ ...FILE, ranges: { b, a }, size: 512, measured: [] }).digest).toBe(digest);
  expect(parse({ ...FILE, ranges: { a, b: { ...b, max: 4 } } }).digest).not.toBe(digest);
});

describe('refuses', () => {
  test.each([
    ['a truncated file', JSON.stringify(FILE).slice(0, -9)],
    ['NaN', JSON.stringify(FILE).replace('-1', 'NaN')],
    ['a number beyond float64', JSON.stringify(FILE).replace('-1', '1e999')],
    ['null for a number', JSON.stringify(FILE).replace('"max":2', '"max":null')],
    ['a range whose ends are exchanged', JSON.stringify({ ...FILE, ranges: { a: { min: 2, max: 1, method: 'mse' } } })],
    ['another format', JSON.stringify({ ...FILE, format: 'cairn-calibration-v2' })],
    ['an unknown level', JSON.stringify({ ...FILE, levels: ['C9'] })],
    ['something else', '[]'],
  ])('%s', (_, text) => {
    const attempt = () => parseCalibration(text, 'x.calibration.json', DIGEST);
    expect(attempt).toThrow(expect.objectContaining({ code: 'calibration-invalid' }));
    expect(attempt).toThrow(/^x\.calibration\.json /);
  });

  test('the calibration of other weights, with the command that makes another', () => {
    const attempt = () => parse({ ...FILE, weightsDigests: ['ef'.repeat(32)] });
    expect(attempt).toThrow(expect.objectContaining({ code: 'calibration-mismatch' }));
    expect(attempt).toThrow('cairn calibrate mask-rcnn-resnet18');
  });
});
