import { Backbone } from '../../src/backbone/backbone.js';
import { createEngine, ENGINE_NAMES } from '../../src/backbone/engine/engines.js';
import { specFor } from './specs.js';
import { asCairnError } from '../../src/errors.js';

export interface DeviceHere {
  readonly engine: string;
  readonly device: string;
  readonly gpu: boolean;
  /** Why this machine does not have it: known without trying, or reported by the engine when it was tried. */
  readonly missing?: string;
}

/** Every device of every engine, in their order. What is there and does not work is for the tests to find. */
export async function listDevices(): Promise<DeviceHere[]> {
  const listed: DeviceHere[] = [];
  for (const engine of ENGINE_NAMES) {
    for (const { name: device, gpu, missing } of (await createEngine(engine)).devices()) {
      const reason = missing ?? (await refusal(engine, device));
      listed.push({ engine, device, gpu, ...(reason !== undefined && { missing: reason }) });
    }
  }
  return listed;
}

/** A native library may take a GPU and leave the CPU out, or see none. */
async function refusal(engine: string, device: string): Promise<string | undefined> {
  const backbone = new Backbone({ engine, device });
  try {
    await backbone.load({ ...specFor({ model: 'mask-rcnn-resnet18', size: '64' }), weights: 'seeded' });
    return undefined;
  } catch (error) {
    const { code, message } = asCairnError(error);
    return code === 'device-unavailable' ? message : undefined;
  } finally {
    await backbone.close();
  }
}
