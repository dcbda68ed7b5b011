import { CairnError } from '../../errors.js';
import type { Device } from './engine.js';
import { createEngine, ENGINE_NAMES } from './engines.js';
import { probeDevice, type ProbeResult } from './probe-device.js';

/** The engine and device that sessions are made on. */
export interface Target {
  readonly engine: string;
  readonly device: string;
  /** The devices that `auto` tried and rejected, with the reason, one line each. */
  readonly skipped: readonly string[];
}

interface Candidate {
  readonly engine: string;
  readonly device: Device;
}

/**
 * Resolves `auto`: GPUs first, in the order of the engines, each probed by a real run before it is
 * used; the first device without a GPU is the last resort. A named device is used without a probe.
 *
 * @throws CairnError `engine-unavailable` or `device-unavailable` when the named one is absent, or
 *   none can be used.
 */
export async function chooseTarget(
  engine: string,
  device: string,
  probe: (engine: string, device: string) => Promise<ProbeResult> = probeDevice,
): Promise<Target> {
  const candidates = await listCandidates(engine, device);
  if (device !== 'auto') return { engine: candidates[0]!.engine, device, skipped: [] };
  const skipped: string[] = [];
  // TensorRT compiles every model for minutes: it is used only if named.
  const ordered = candidates
    .filter(({ device }) => device.name !== 'tensorrt')
    .sort((a, b) => Number(b.device.gpu) - Number(a.device.gpu));
  for (const { engine, device } of ordered) {
    const result: ProbeResult = device.missing
      ? { proven: false, reason: device.missing }
      : await probeUnlessReference(engine, device, probe);
    if (result.proven) return { engine, device: device.name, skipped };
    skipped.push(`${engine}/${device.name}: ${result.reason}`);
  }
  throw new CairnError('device-unavailable', `No device can be used: ${skipped.join('; ')}.`);
}

/** ONNX Runtime on the CPU is part of every installation, and the reference device of the others. */
async function probeUnlessReference(
  engine: string,
  { name }: Device,
  probe: (engine: string, device: string) => Promise<ProbeResult>,
): Promise<ProbeResult> {
  return engine === 'onnx' && name === 'cpu' ? { proven: true, error: 0 } : probe(engine, name);
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
  throw new CairnError('device-unavailable', `There is no device "${device}"; known: auto, ${known}.`);
}
