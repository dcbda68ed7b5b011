import { CairnError } from '../../errors.js';
import type { Device } from './engine.js';
import { createEngine, ENGINE_NAMES } from './engines.js';
import { proveDevice, type Proof } from './prove-device.js';

/** The engine and device that sessions are made on. */
export interface Target {
  readonly engine: string;
  readonly device: string;
  /** What `auto` tried first and why it did not take it, one line each. */
  readonly passedOver: readonly string[];
}

interface Candidate {
  readonly engine: string;
  readonly device: Device;
}

/**
 * Resolves `auto`: GPUs first, in the order of the engines, each proven by a real run before it is
 * taken; the first device that needs no GPU is the last resort. What is named is taken as it is.
 *
 * @throws CairnError `engine-unavailable` or `device-unavailable` when what is named is not there, or
 *   nothing is.
 */
export async function chooseTarget(
  engine: string,
  device: string,
  prove: (engine: string, device: string) => Promise<Proof> = proveDevice,
): Promise<Target> {
  const candidates = await listCandidates(engine, device);
  if (device !== 'auto') return { engine: candidates[0]!.engine, device, passedOver: [] };
  const passedOver: string[] = [];
  // TensorRT compiles every model for minutes: it is taken only where it is named.
  const ordered = candidates
    .filter(({ device }) => device.name !== 'tensorrt')
    .sort((a, b) => Number(b.device.gpu) - Number(a.device.gpu));
  for (const { engine, device } of ordered) {
    const proof: Proof = device.missing
      ? { proven: false, reason: device.missing }
      : await proveUnlessYardstick(engine, device, prove);
    if (proof.proven) return { engine, device: device.name, passedOver };
    passedOver.push(`${engine}/${device.name}: ${proof.reason}`);
  }
  throw new CairnError('device-unavailable', `No device can be used: ${passedOver.join('; ')}.`);
}

/** ONNX Runtime on the CPU is part of every installation, and the yardstick of the others. */
async function proveUnlessYardstick(
  engine: string,
  { name }: Device,
  prove: (engine: string, device: string) => Promise<Proof>,
): Promise<Proof> {
  return engine === 'onnx' && name === 'cpu' ? { proven: true, error: 0 } : prove(engine, name);
}

async function listCandidates(engine: string, device: string): Promise<Candidate[]> {
  const names = engine === 'auto' ? ENGINE_NAMES : [engine];
  const all: Candidate[] = [];
  for (const name of names) {
    const made = await createEngine(name);
    all.push(...made.devices().map((entry) => ({ engine: made.name, device: entry })));
  }
  if (device === 'auto') return all;
  // The first engine that has a device of this name.
  const named = all.filter((candidate) => candidate.device.name === device).slice(0, 1);
  if (named.length === 1) return named;
  const known = [...new Set(all.map((candidate) => candidate.device.name))].join(', ');
  throw new CairnError('device-unavailable', `There is no device "${device}"; known are auto, ${known}.`);
}
