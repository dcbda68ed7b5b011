import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import type { BackboneOptions } from '../backbone/backbone.js';
import { CairnError } from '../errors.js';

export interface EngineFlags {
  readonly engine: string;
  readonly device: string;
  readonly threads: string;
}

/** The flags for what runs the network, shared by all commands that run one. */
export function addEngineFlags(command: Command): Command {
  return command
    .option('--engine <name>', 'auto, onnx or tensorflow', 'auto')
    .option('--device <name>', 'auto, cpu, gpu, cuda, tensorrt, webgpu or wasm', 'auto')
    .option('--threads <count>', 'threads per operation', String(availableParallelism()));
}

/** @throws CairnError `option-invalid`. */
export function engineOptions({ engine, device, threads }: EngineFlags): BackboneOptions {
  return { engine, device, threads: parseCount('threads', threads) };
}

/** @throws CairnError `option-invalid`, naming the flag. */
export function parseCount(flag: string, text: string, least = 1): number {
  const count = /^\d{1,6}$/.test(text) ? Number(text) : -1;
  if (count >= least) return count;
  throw new CairnError('option-invalid', `${flag} must be a number from ${least}, not "${text}".`);
}
