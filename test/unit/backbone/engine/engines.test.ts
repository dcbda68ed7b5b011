import { describe, expect, test } from '@jest/globals';
import { createEngine, ENGINE_NAMES } from '../../../../src/backbone/engine/engines.js';
import { listDevices } from '../../../support/devices.js';
import { useTypedArraysOfTheProcess } from '../../../support/outer-realm.js';
import { testEngine } from './engine-conformance.js';

useTypedArraysOfTheProcess();

// In jest's realm the environment is a copy, and what is set for a GPU would not reach its libraries: GPUs are compared
// in test/integration/engine-parity.test.ts.
for (const { engine, device, gpu, missing } of await listDevices()) {
  if (missing !== undefined) test.skip(`${engine}/${device} is not here: ${missing}`, () => undefined);
  else if (!gpu) testEngine(engine, device);
}

describe('createEngine', () => {
  test('auto is the first engine of the table', async () => {
    expect((await createEngine('auto')).name).toBe(ENGINE_NAMES[0]);
  });

  test.each(['abacus', '', 'toString', '__proto__'])('"%s" is refused, naming those that are known', async (name) => {
    await expect(createEngine(name)).rejects.toMatchObject({
      code: 'engine-unavailable',
      message: expect.stringContaining(`known: auto, ${ENGINE_NAMES.join(', ')}`),
    });
  });
});
