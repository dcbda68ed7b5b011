import { expect, test } from '@jest/globals';
import { encodingName, REFERENCE, settingsOf } from '../../../../src/cli/compare/settings.js';
import { parseSpec } from '../../../../src/spec/feature-spec.js';

test.each(['float32', 'int8'] as const)('%s has every encoding once, and each is a spec', (precision) => {
  const settings = settingsOf(precision);
  expect(settings.map(encodingName)).toEqual([
    'float16 zstd',
    'uint8 zstd',
    'uint8 jpeg 85',
    'uint8 jpeg 75',
    'uint8 jpeg 60',
  ]);
  for (const setting of [REFERENCE, ...settings]) expect(parseSpec(setting)).toMatchObject(setting);
});
