import { describe, expect, test } from '@jest/globals';
import { listModels } from '../../../src/backbone/catalogue.js';
import { parseSpec, withBackboneLevels } from '../../../src/spec/feature-spec.js';
import type { SpecOptions } from '../../support/specs.js';

describe('parseSpec', () => {
  const defaults = {
    ...{
      model: 'mask-rcnn-resnet50',
      stage5: true,
      dtype: 'float16',
      precision: 'float32',
      layout: 'nhwc',
      codec: 'zstd',
      quality: 75,
      size: 1024,
    },
  };

  test('fills in the defaults; levels stay open until the weights are known', () => {
    const spec = parseSpec({});
    expect(spec).toEqual(defaults);
    expect(spec).not.toHaveProperty('levels');
    expect(withBackboneLevels(spec)).toEqual({ ...defaults, levels: ['C2', 'C3', 'C4', 'C5'] });
    expect(withBackboneLevels(parseSpec({ stage5: 'false' })).levels).toEqual(['C2', 'C3', 'C4']);
  });

  const typed = {
    model: 'mask-rcnn-resnet101',
    stage5: false,
    levels: ['C4', 'C1'],
    dtype: 'uint8',
    precision: 'float16',
    layout: 'nchw',
    codec: 'jpeg',
    quality: 60,
    size: 4096,
  };
  const text = { ...typed, stage5: 'false', levels: ' C4, C1 ', quality: '60', size: '4096' };
  test.each([
    ['text', text],
    ['typed values', typed],
    ['a repeated parameter', { ...text, levels: ['C4', 'C1'] }],
  ])('takes everything as %s', (_, values) => {
    expect(parseSpec(values)).toEqual({ ...typed, levels: ['C1', 'C4'] });
  });

  test('a spec is frozen and parses to itself', () => {
    const spec = withBackboneLevels(parseSpec(text));
    expect(Object.isFrozen(spec)).toBe(true);
    expect(parseSpec(JSON.parse(JSON.stringify(spec)))).toEqual(spec);
  });

  test.each(['64', '96', '224', '4064', '4096'])('a canvas may be %s pixels wide', (size) => {
    expect(parseSpec({ size }).size).toBe(Number(size));
  });

  test('takes every model of the catalogue', () => {
    for (const { name } of listModels()) expect(parseSpec({ model: name }).model).toBe(name);
  });

  const refused: [SpecOptions, string, RegExp][] = [
    [{ model: 'resnet50' }, 'model-unknown', /no model "resnet50"\. Did you mean mask-rcnn-resnet50 or /],
    [{ levels: 'C2,C9' }, 'level-unknown', /no level "C9"; known: C1, C2, C3, C4, C5/],
    [{ levels: '' }, 'level-unknown', /no level ""/],
    [{ levels: 'C2,' }, 'level-unknown', /no level ""/],
    [{ levels: 'C5', stage5: 'false' }, 'level-absent', /C5 is made by stage 5, and this job asks for stage5=false/],
    [{ dtype: 'bfloat16' }, 'dtype-unknown', /no dtype "bfloat16"; known: float32, float16/],
    [{ dtype: '' }, 'dtype-unknown', /no dtype ""/],
    [{ stage5: 'no' }, 'option-invalid', /stage5 must be true or false, not "no"/],
    [{ stage5: '' }, 'option-invalid', /stage5 must be true or false/],
    [{ levels: ['C2,C3'] }, 'level-unknown', /no level "C2,C3"/],
    [{ levels: [] }, 'level-unknown', /empty/],
    [{ levels: 5 }, 'option-invalid', /levels must be a list of names, not "5"/],
    [{ levels: ['P2'], model: 'keras-v2-resnet50v2' }, 'levels-unsuitable', /strides double/],
    [{ levels: ['P2'], stage5: false }, 'level-absent', /stage 5/],
    [{ model: null }, 'option-invalid', /model must be a name, not "null"/],
    [{ stage5: 1 }, 'option-invalid', /stage5 must be true or false, not "1"/],
    [{ size: 512.5 }, 'option-invalid', /size must be a multiple of 32/],
    [{ size: { toString: 1 } }, 'option-invalid', /size must be a multiple of 32/],
    [{ layout: 'hwcn' }, 'option-invalid', /layout must be nhwc or nchw, not "hwcn"/],
    [{ precision: 'int4' }, 'option-invalid', /precision must be float32, float16 or int8, not "int4"/],
    ...['0', '32', '100', '240', '1000', '4128', '-64', '64.0', '1e3', '0x40', ' 64', '640000', 'big', ''].map(
      (size): [SpecOptions, string, RegExp] => [
        { size },
        'option-invalid',
        new RegExp(`size must be a multiple of 32 from 64 to 4096, not "${size.replace('.', '\\.')}"`),
      ],
    ),
  ];
  test('refuses options that it does not know, before all else', () => {
    const expected = {
      code: 'option-unknown',
      message: expect.stringMatching(/no option "colour"; known: model, stage5/),
    };
    expect(() => parseSpec({ size: 'big', colour: 'red' })).toThrow(expect.objectContaining(expected));
  });

  test.each(refused)('%j is refused as %s', (options, code, message) => {
    expect(() => parseSpec(options)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });
});
