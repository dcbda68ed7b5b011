import { describe, expect, test } from '@jest/globals';
import { describeLevel } from '../../../src/features/feature-set.js';
import { levelBytes, safetensorsHeader, writeSafetensors } from '../../../src/features/safetensors.js';
import { collect } from '../../support/chunks.js';
import { featureSet, plansOf } from '../../support/feature-sets.js';
import { parseSafetensors } from '../../support/safetensors-bytes.js';

const set = featureSet([...plansOf('float32'), { name: 'C5', shape: [2, 2, 3], dtype: 'float16' }]);
const { description } = set;

describe('safetensorsHeader', () => {
  test('is a multiple of eight bytes and begins with the brace, whatever is in it', () => {
    for (let length = 0; length < 16; length++) {
      const head = safetensorsHeader({ ...description, softwareVersion: 'x'.repeat(length) }, description.levels);
      expect(head.length % 8).toBe(0);
      expect(Number(head.readBigUInt64LE())).toBe(head.length - 8);
      expect(head[8]).toBe('{'.charCodeAt(0));
      expect(head.toString('utf8', 8).trimEnd().at(-1)).toBe('}');
    }
  });

  test('counts bytes, not characters', () => {
    const head = safetensorsHeader({ ...description, weights: 'gewöhnliche–größe.h5' }, description.levels);
    expect(parseSafetensors(head).metadata['weights']).toBe('gewöhnliche–größe.h5');
  });

  test('offsets are contiguous from 0 and cover the data', () => {
    const { tensors } = parseSafetensors(safetensorsHeader(description, description.levels));
    let end = 0;
    for (const level of description.levels) {
      const { offsets, shape, dtype } = tensors.get(level.name)!;
      expect(offsets).toEqual([end, end + levelBytes(level)]);
      expect([shape, dtype]).toEqual([level.shape, level.dtype === 'float16' ? 'F16' : 'F32']);
      end = offsets[1];
    }
    expect([...tensors.keys()]).toEqual(['C2', 'C3', 'C4', 'C5']);
    expect(end).toBe(set.levels.reduce((sum, level) => sum + level.tensor.data.length, 0));
  });

  test('lists the given levels only, in the given order', () => {
    const levels = [description.levels[2]!, description.levels[1]!];
    const { tensors, metadata } = parseSafetensors(safetensorsHeader(description, levels));
    expect([...tensors].map(([name, { offsets }]) => [name, ...offsets])).toEqual([
      ['C4', 0, 1320],
      ['C3', 1320, 1320 + 3072],
    ]);
    expect(metadata['strides']).toBe('{"C4":4,"C3":4}');
  });

  test('tells how the set was made, in strings as the format requires', () => {
    const { metadata } = parseSafetensors(safetensorsHeader(description, description.levels));
    const made = Object.keys(description).filter((key) => key !== 'levels');
    expect(Object.keys(metadata).toSorted()).toEqual([...made, 'strides'].toSorted());
    for (const value of Object.values(metadata)) expect(typeof value).toBe('string');
    const { id, scale } = description;
    expect(metadata).toMatchObject({ id, window: '[42,0,213,256]', stage5: 'true', clipped: '["C2"]' });
    expect(Number(metadata['scale'])).toBe(scale);
  });
});

describe('levels of integers', () => {
  const { description } = featureSet(plansOf('uint8'));

  test('are U8, and the metadata has the scale and zero point of those that are sent', () => {
    const { tensors, metadata } = parseSafetensors(safetensorsHeader(description, description.levels.slice(1)));
    expect([...tensors.values()].map(({ dtype }) => dtype)).toEqual(['U8', 'U8']);
    expect(JSON.parse(metadata['quantization']!)).toEqual({
      C3: { scale: Math.fround(2 / 300), zeroPoint: 14 },
      C4: { scale: Math.fround(3 / 300), zeroPoint: 21 },
    });
  });
});

describe('writeSafetensors', () => {
  test('is the header, then the tensors one after the other', async () => {
    const file = await collect(writeSafetensors(set) as AsyncIterable<Uint8Array>);
    const { tensors, headBytes } = parseSafetensors(file);
    expect(headBytes % 8).toBe(0);
    for (const { name, tensor } of set.levels) expect(tensors.get(name)!.data.equals(tensor.data)).toBe(true);
    expect(file.length).toBe(headBytes + set.levels.reduce((sum, level) => sum + level.tensor.data.length, 0));
  });
});

test('levelBytes is height × width × channels × bytes of the type', () => {
  const [level] = featureSet([{ name: 'C1', shape: [3, 5, 7], dtype: 'float16' }]).levels;
  expect(levelBytes(describeLevel(level!))).toBe(210);
  expect(levelBytes({ ...describeLevel(level!), dtype: 'float32' })).toBe(420);
  expect(levelBytes({ ...describeLevel(level!), dtype: 'uint8' })).toBe(105);
});
