import { existsSync, readdirSync } from 'node:fs';
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

/**
 * Why this machine cannot have a GPU of a kind, judged by its device files; undefined where it may.
 * Cheap, and spares machines without a GPU the start of its drivers.
 */
export function missingGpu(kind: 'nvidia' | 'any'): string | undefined {
  if (process.platform !== 'linux') return undefined;
  // WSL exposes GPUs of every kind through one file.
  if (existsSync('/dev/dxg') || existsSync('/dev/nvidiactl')) return undefined;
  if (kind === 'nvidia') return 'there is no NVIDIA GPU (no /dev/nvidiactl)';
  // Drivers that were named need no device file: one may be software.
  if (process.env['VK_DRIVER_FILES'] || process.env['VK_ICD_FILENAMES']) return undefined;
  const render = existsSync('/dev/dri') && readdirSync('/dev/dri').some((name) => name.startsWith('render'));
  return render ? undefined : 'there is no GPU (no /dev/nvidiactl, no /dev/dri/render*)';
}

/**
 * CUDA's libraries round the operands of products to 10 bits of mantissa (TF32) unless this is set
 * before they start; a value set by the user stands.
 */
export function disableTf32(): void {
  process.env['NVIDIA_TF32_OVERRIDE'] ??= '0';
}
