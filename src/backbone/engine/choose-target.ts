import { CairnError } from '../../errors.js';
import type { Device } from './engine.js';
import { createEngine, ENGINE_NAMES } from './engines.js';
import { probeDevice, type ProbeResult } from './probe-device.js';

type Probe = (engine: string, device: string, options?: { readonly timed: boolean }) => Promise<ProbeResult>;
/** Why `auto` does not take a device that may work: by its name. */
export type Excluded = Readonly<Record<string, string>>;
type Proven = Extract<ProbeResult, { proven: true }>;

/** The engine and device that sessions are made on. */
export interface Target {
  readonly engine: string;
  readonly device: string;
  readonly gpu: boolean;
  /** The devices that `auto` tried and rejected, with the reason, one line each. */
  readonly skipped: readonly string[];
}

interface Candidate {
  readonly engine: string;
  readonly device: Device;
}

/**
 * Resolves `auto`: GPUs first, in the order of the engines, each probed by real runs before it is
 * used, and passed over where the CPU is faster; the first device without a GPU is the last resort. A GPU that is
 * named is probed too, but may be slow.
 *
 * @throws CairnError `engine-unavailable` or `device-unavailable` when the named one is absent or fails its probe, or
 *   none can be used.
 */
export async function chooseTarget(
  engine: string,
  device: string,
  probe: Probe = probeDevice,
  excluded: Excluded = {},
): Promise<Target> {
  const candidates = await listCandidates(engine, device);
  if (device !== 'auto') return proveNamed(candidates[0]!, probe);
  const skipped: string[] = [];
  // TensorRT compiles every model for minutes: it is used only if named.
  const ordered = candidates
    .filter(({ device }) => device.name !== 'tensorrt')
    .sort((a, b) => Number(b.device.gpu) - Number(a.device.gpu));
  for (const { engine, device } of ordered) {
    const missing = device.missing ?? excluded[device.name];
    const result: ProbeResult = missing
      ? { proven: false, reason: missing }
      : await probeUnlessReference(engine, device, probe);
    const reason = result.proven ? slowerThanCpu(device, result) : result.reason;
    if (reason === undefined) return { engine, device: device.name, gpu: device.gpu, skipped };
    skipped.push(`${engine}/${device.name}: ${reason}`);
  }
  throw new CairnError('device-unavailable', `No device can be used: ${skipped.join('; ')}.`);
}

/**
 * What runs without a GPU fails when its first session is made, if it fails; a GPU may be listed and not work.
 *
 * @throws CairnError `device-unavailable` with the reason.
 */
async function proveNamed({ engine, device }: Candidate, probe: Probe): Promise<Target> {
  const { name, gpu, missing } = device;
  const result: ProbeResult | undefined =
    missing !== undefined ? { proven: false, reason: missing } : gpu ? await probe(engine, name) : undefined;
  if (result && !result.proven) {
    throw new CairnError('device-unavailable', `The ${engine} engine cannot use ${name} here: ${result.reason}.`);
  }
  return { engine, device: name, gpu, skipped: [] };
}

/** Why `auto` passes over a GPU that works: it is made of software, or old. */
function slowerThanCpu({ gpu }: Device, { timeOverCpu }: Proven): string | undefined {
  if (!gpu || timeOverCpu === undefined || timeOverCpu <= 1) return undefined;
  return `it takes ${timeOverCpu.toFixed(1)} times as long as the CPU`;
}

/** ONNX Runtime on the CPU is part of every installation, and the reference device of the others. */
async function probeUnlessReference(engine: string, { name, gpu }: Device, probe: Probe): Promise<ProbeResult> {
  return engine === 'onnx' && name === 'cpu' ? { proven: true, error: 0 } : probe(engine, name, { timed: gpu });
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
