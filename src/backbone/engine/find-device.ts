import { CairnError } from '../../errors.js';
import type { Device, Engine } from './engine.js';

/** @throws CairnError `device-unavailable` when the engine has no such device, or it is known to be missing here. */
export function findDevice(engine: Engine, name: string): Device {
  const devices = engine.devices();
  const device = devices.find((entry) => entry.name === name);
  if (!device) {
    const known = devices.map((entry) => entry.name).join(', ');
    throw new CairnError('device-unavailable', `The ${engine.name} engine has no device "${name}"; it has ${known}.`);
  }
  if (device.missing) {
    throw new CairnError('device-unavailable', `The ${engine.name} engine cannot use ${name} here: ${device.missing}.`);
  }
  return device;
}
