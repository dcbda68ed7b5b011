import { describe, expect, test } from '@jest/globals';
import { DeviceCheck } from '../../../../src/backbone/engine/device-check.js';
import type { ProbeResult } from '../../../../src/backbone/engine/probe-device.js';

const target = { engine: 'onnx', device: 'webgpu', gpu: true, skipped: [] };

/** A check whose probes end in `results`, in order. */
function checkWith(...results: ProbeResult[]) {
  const asked: string[] = [];
  const check = new DeviceCheck((engine, device) => {
    asked.push(`${engine}/${device}`);
    return Promise.resolve(results[asked.length - 1]!);
  });
  return { check, asked };
}
const works: ProbeResult = { proven: true, error: 0 };
const gone: ProbeResult = { proven: false, reason: 'the device is lost' };

describe('DeviceCheck', () => {
  test('a device that another process cannot use either is lost', async () => {
    const { check, asked } = checkWith(gone);
    await expect(check.failed(target)).resolves.toBe('the device is lost');
    expect(asked).toEqual(['onnx/webgpu']);
  });

  test('one that works is not, and may fail again after a success', async () => {
    const { check, asked } = checkWith(works, works);
    await expect(check.failed(target)).resolves.toBeUndefined();
    check.succeeded();
    await expect(check.failed(target)).resolves.toBeUndefined();
    expect(asked).toHaveLength(2);
  });

  test('one that works elsewhere, and fails here again without a success, is lost', async () => {
    const { check } = checkWith(works);
    await check.failed(target);
    await expect(check.failed(target)).resolves.toMatch(/another process can use it/);
  });

  test('failures at the same time are one check', async () => {
    const { check, asked } = checkWith(works);
    const results = await Promise.all([check.failed(target), check.failed(target), check.failed(target)]);
    expect(results).toEqual([undefined, undefined, undefined]);
    expect(asked).toHaveLength(1);
  });
});
