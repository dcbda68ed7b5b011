import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { chooseTarget } from '../../../../src/backbone/engine/choose-target.js';
import { causeOf, probeDevice, type ProbeResult } from '../../../../src/backbone/engine/probe-device.js';
import { listDevices } from '../../../support/devices.js';

const proven: ProbeResult = { proven: true, error: 0 };

describe('chooseTarget', () => {
  test('what is named and needs no GPU is taken without a probe', async () => {
    const never = () => Promise.reject(new Error('no probe was asked for'));
    await expect(chooseTarget('tensorflow', 'wasm', never)).resolves.toMatchObject({
      engine: 'tensorflow',
      device: 'wasm',
    });
    await expect(chooseTarget('auto', 'cpu', never)).resolves.toMatchObject({ engine: 'onnx', device: 'cpu' });
  });

  test('a named device that is missing is refused', async () => {
    await expect(chooseTarget('onnx', 'cuda')).rejects.toMatchObject({
      code: 'device-unavailable',
      message: expect.stringMatching(/cannot use cuda here: its provider is not installed/),
    });
  });

  // A driver that is named by the environment may be software: without a device file the GPU counts as missing.
  describe('with a driver of Vulkan that is named', () => {
    const before = process.env['VK_DRIVER_FILES'];
    beforeAll(() => {
      process.env['VK_DRIVER_FILES'] = '/nonexistent/driver.json';
    });
    afterAll(() => {
      if (before === undefined) delete process.env['VK_DRIVER_FILES'];
      else process.env['VK_DRIVER_FILES'] = before;
    });
    const slow: ProbeResult = { proven: true, error: 0, timeOverCpu: 16.2 };

    test('a named GPU that fails its probe is refused, with the reason', async () => {
      const refuse = () => Promise.resolve<ProbeResult>({ proven: false, reason: 'it is on fire' });
      await expect(chooseTarget('onnx', 'webgpu', refuse)).rejects.toMatchObject({
        code: 'device-unavailable',
        message: expect.stringMatching(/cannot use webgpu here: it is on fire/),
      });
    });

    test('a GPU that is slower than the CPU is taken if it is named, and passed over by auto', async () => {
      const probe = () => Promise.resolve(slow);
      await expect(chooseTarget('onnx', 'webgpu', probe)).resolves.toMatchObject({ device: 'webgpu' });
      const { device, skipped } = await chooseTarget('onnx', 'auto', probe);
      expect(device).toBe('cpu');
      expect(skipped).toContain('onnx/webgpu: it takes 16.2 times as long as the CPU');
    });

    test('a GPU that is faster is taken, unless it is excluded', async () => {
      const probe = () => Promise.resolve<ProbeResult>({ proven: true, error: 0, timeOverCpu: 0.1 });
      await expect(chooseTarget('onnx', 'auto', probe)).resolves.toMatchObject({ device: 'webgpu' });
      const { device, skipped } = await chooseTarget('onnx', 'auto', probe, { webgpu: 'not today' });
      expect(device).toBe('cpu');
      expect(skipped).toContain('onnx/webgpu: not today');
    });
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

describe('causeOf', () => {
  const LONG = 'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library';

  test('libraries that are lacking are named, each once', () => {
    const output = [
      'Failed to load library libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: cannot open shared object file',
      'again: libcublasLt.so.13: cannot open shared object file: No such file or directory',
    ].join('\n');
    expect(causeOf(LONG, output)).toBe('it lacks libcublasLt.so.13');
  });

  test('of a failure of CUDA its number and words are left', () => {
    const reason =
      'std::conditional_t<THRW, void, Status> onnxruntime::CudaCall(ERRTYPE, const char*) CUDA failure 100: ' +
      'no CUDA-capable device is detected ; GPU=-1 ; hostname=x ; file=cuda.cc';
    expect(causeOf(reason, '')).toBe('CUDA failure 100: no CUDA-capable device is detected');
  });

  test('everything else stays', () => {
    expect(causeOf(LONG, 'some warning')).toBe(LONG);
  });
});
