import { describe, expect, test } from '@jest/globals';
import { parseFeatureOptions, type FeatureOptions } from '../../../src/spec/feature-spec.js';
import { findModel, listModels } from '../../../src/backbone/catalogue.js';

describe('parseFeatureOptions', () => {
  test('fills in the defaults', () => {
    expect(parseFeatureOptions({})).toEqual({
      model: findModel('mask-rcnn-resnet50'),
      stage5: true,
      levels: ['C2', 'C3', 'C4', 'C5'],
      levelsByDefault: true,
      dtype: 'float16',
      precision: 'float32',
      size: 1024,
    });
  });

  test('takes everything that is said', () => {
    const options = {
      model: 'mask-rcnn-resnet101',
      stage5: 'false',
      levels: ' C4, C1 ',
      dtype: 'float32',
      precision: 'float16',
      size: '4096',
    };
    expect(parseFeatureOptions(options)).toEqual({
      model: findModel('mask-rcnn-resnet101'),
      stage5: false,
      levels: ['C1', 'C4'],
      levelsByDefault: false,
      dtype: 'float32',
      precision: 'float16',
      size: 4096,
    });
    expect(parseFeatureOptions({ stage5: 'false' }).levels).toEqual(['C2', 'C3', 'C4']);
  });

  test.each(['64', '96', '224', '4064', '4096'])('a canvas may be %s pixels wide', (size) => {
    expect(parseFeatureOptions({ size }).size).toBe(Number(size));
  });

  test('every model of the catalogue may be asked for, with its own preprocessing', () => {
    for (const model of listModels()) expect(parseFeatureOptions({ model: model.name }).model).toBe(model);
  });

  const refused: [FeatureOptions, string, RegExp][] = [
    [
      { model: 'resnet50' },
      'model-unknown',
      /no model "resnet50"; known are mask-rcnn-resnet18, mask-rcnn-resnet34, mask-rcnn-resnet50,/,
    ],
    [{ levels: 'C2,C9' }, 'level-unknown', /no level "C9"; known are C1, C2, C3, C4, C5/],
    [{ levels: '' }, 'level-unknown', /no level ""/],
    [{ levels: 'C2,' }, 'level-unknown', /no level ""/],
    [{ levels: 'C5', stage5: 'false' }, 'level-absent', /C5 is made by stage 5, and this job asks for stage5=false/],
    [{ dtype: 'bfloat16' }, 'dtype-unknown', /no dtype "bfloat16"; known are float32, float16/],
    [{ dtype: '' }, 'dtype-unknown', /no dtype ""/],
    [{ stage5: 'no' }, 'option-invalid', /stage5 must be true or false, not "no"/],
    [{ stage5: '' }, 'option-invalid', /stage5 must be true or false/],
    ...['0', '32', '100', '240', '1000', '4128', '-64', '64.0', '1e3', '0x40', ' 64', '640000', 'big', ''].map(
      (size): [FeatureOptions, string, RegExp] => [
        { size },
        'option-invalid',
        new RegExp(`size must be a multiple of 32 from 64 to 4096, not "${size.replace('.', '\\.')}"`),
      ],
    ),
  ];
  test.each(refused)('%j is refused as %s', (options, code, message) => {
    expect(() => parseFeatureOptions(options)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });
});
