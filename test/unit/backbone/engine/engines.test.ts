import { describe, expect, test } from '@jest/globals';
import { createEngine, ENGINE_NAMES } from '../../../../src/backbone/engine/engines.js';
import { useTypedArraysOfTheProcess } from '../../../support/outer-realm.js';
import { testEngine } from './engine-conformance.js';

useTypedArraysOfTheProcess();

// Every machine has these; a GPU is proven where it is, by a run that is compared with another engine's.
for (const name of ENGINE_NAMES) {
  const devices = (await createEngine(name)).devices().filter(({ gpu, missing }) => !gpu && missing === undefined);
  for (const { name: device } of devices) testEngine(name, device);
}

describe('createEngine', () => {
  test('auto is the first engine of the table', async () => {
    expect((await createEngine('auto')).name).toBe(ENGINE_NAMES[0]);
  });

  test.each(['abacus', '', 'toString', '__proto__'])('"%s" is refused, naming those that are known', async (name) => {
    await expect(createEngine(name)).rejects.toMatchObject({
      code: 'engine-unavailable',
      message: expect.stringContaining(`known are auto, ${ENGINE_NAMES.join(', ')}`),
    });
  });
});
