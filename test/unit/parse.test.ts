import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { parse } from '../../src/parse.js';

test('an unknown option is answered with the nearest known ones', () => {
  const schema = z.strictObject({ levels: z.string().optional(), layout: z.string().optional() });
  expect(() => parse(schema, { level: 'C4' })).toThrow(
    'There is no option "level"; known: levels, layout. Did you mean levels?',
  );
  expect(() => parse(schema, { colour: 'red' })).toThrow(/known: levels, layout\.$/);
});
