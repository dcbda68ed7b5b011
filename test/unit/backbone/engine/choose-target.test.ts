import { describe, expect, test } from '@jest/globals';
import { chooseTarget } from '../../../../src/backbone/engine/choose-target.js';
import { probeDevice, type ProbeResult } from '../../../../src/backbone/engine/probe-device.js';
import { listDevices } from '../../../support/devices.js';

const proven: ProbeResult = { proven: true, error: 0 };

describe('chooseTarget', () => {
  test('what is named is taken as it is, without a trial', async () => {
    const never = () => Promise.reject(new Error('no trial was asked for'));
    await expect(chooseTarget('tensorflow', 'wasm', never)).resolves.toMatchObject({
      engine: 'tensorflow',
      device: 'wasm',
    });
    await expect(chooseTarget('auto', 'cpu', never)).resolves.toMatchObject({ engine: 'onnx', device: 'cpu' });
  });

  test('auto tells of every GPU why it was passed over, and ends on ONNX Runtime on the CPU', async () => {
    const refuse = (engine: string, device: string) =>
      Promise.resolve<ProbeResult>({ proven: false, reason: `no ${engine} ${device} today` });
    const { engine, device, skipped } = await chooseTarget('auto', 'auto', refuse);
    expect([engine, device]).toEqual(['onnx', 'cpu']);
    expect(skipped.join('\n')).toMatch(/onnx\/cuda: .+\n.*onnx\/webgpu: .+\n.*tensorflow\/gpu: .+/);
    expect(skipped.join('\n')).not.toMatch(/tensorrt|wasm/);
  });

  test('an engine without a device that runs is refused with every reason', async () => {
    const refuse = () => Promise.resolve<ProbeResult>({ proven: false, reason: 'it is broken' });
    await expect(chooseTarget('tensorflow', 'auto', refuse)).rejects.toMatchObject({
      code: 'device-unavailable',
      message: expect.stringContaining('tensorflow/wasm: it is broken'),
    });
  });

  test('of one engine the first device that is proven', async () => {
    const onlyWasm = (_: string, device: string) =>
      Promise.resolve<ProbeResult>(device === 'wasm' ? proven : { proven: false, reason: 'no' });
    await expect(chooseTarget('tensorflow', 'auto', onlyWasm)).resolves.toMatchObject({ device: 'wasm' });
  });

  test('names that nobody has are refused, with those that are known', async () => {
    await expect(chooseTarget('auto', 'abacus')).rejects.toMatchObject({
      code: 'device-unavailable',
      message: expect.stringMatching(/no device "abacus".*cuda.*cpu.*wasm/),
    });
    await expect(chooseTarget('abacus', 'cpu')).rejects.toMatchObject({ code: 'engine-unavailable' });
  });
});

describe('probeDevice', () => {
  test('every device of this machine runs, with the right numbers', async () => {
    for (const { engine, device, missing } of await listDevices()) {
      const proof = await probeDevice(engine, device);
      expect({ engine, device, ...proof }).toMatchObject({ engine, device, proven: missing === undefined });
    }
  }, 300_000);

  test('a device that is not there is a reason, not a crash', async () => {
    await expect(probeDevice('onnx', 'abacus')).resolves.toMatchObject({
      proven: false,
      reason: expect.stringContaining('no device "abacus"'),
    });
    await expect(probeDevice('abacus', 'cpu')).resolves.toMatchObject({
      proven: false,
      reason: expect.stringContaining('no engine "abacus"'),
    });
  }, 60_000);
});
