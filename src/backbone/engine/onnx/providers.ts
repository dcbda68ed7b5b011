import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { env, listSupportedBackends } from 'onnxruntime-node';
import type { Device } from '../engine.js';
import { missingGpu } from '../devices.js';

const load = createRequire(import.meta.url);

/**
 * The execution providers that Cairn uses, the best first. TensorRT is the last of the GPUs: it compiles every session for minutes,
 * and onnxruntime-node passes none of its options, so that the engines that it has compiled cannot be kept.
 */
const PROVIDERS = ['cuda', 'webgpu', 'tensorrt', 'cpu'] as const;
export type Provider = (typeof PROVIDERS)[number];

/** The providers of this build of ONNX Runtime, with the reason where files or hardware are missing. */
export function listProviders(): Device[] {
  const listed = new Set(listSupportedBackends().map(({ name }) => name));
  return PROVIDERS.filter((name) => listed.has(name)).map((name) => {
    const missing = missingPart(name);
    return { name, gpu: name !== 'cpu', ...(missing && { missing }) };
  });
}

function missingPart(provider: Provider): string | undefined {
  switch (provider) {
    case 'cpu':
      return undefined;
    case 'webgpu':
      return missingGpu('any');
    case 'cuda':
    case 'tensorrt': {
      const file = providerFile(provider);
      if (!existsSync(file)) return `its provider is not installed (${file}); \`npm run engine:cuda\` fetches it`;
      return missingGpu('nvidia');
    }
  }
}

/** Where onnxruntime-node looks for the libraries of a provider. */
function providerFile(provider: 'cuda' | 'tensorrt'): string {
  const root = dirname(dirname(load.resolve('onnxruntime-node')));
  const name =
    process.platform === 'win32' ? `onnxruntime_providers_${provider}.dll` : `libonnxruntime_providers_${provider}.so`;
  return join(root, 'bin', 'napi-v6', process.platform, process.arch, name);
}

export function runtimeVersions(): Record<string, string> {
  return { 'onnxruntime-node': env.versions.node ?? 'unknown' };
}

/**
 * ONNX Runtime turns a layer of zeros before a max-pool into the pool's own padding, which a maximum
 * ignores: where all values under a window are negative the zeros are lost. `Plan` merges the paddings that
 * may be merged.
 */
export const DISABLED_OPTIMIZERS = { disable_specified_optimizers: 'Pad_Fusion' };

/** The providers of a session, and its settings (`session.…`) beyond the CPU's. */
export function sessionOptions(provider: Provider): {
  readonly executionProviders: string[];
  readonly session?: Readonly<Record<string, string>>;
} {
  if (provider === 'cpu') return { executionProviders: ['cpu'] };
  // Unsupported operations would silently fall back to the CPU.
  const session = { disable_cpu_ep_fallback: '1' };
  return { executionProviders: provider === 'tensorrt' ? ['tensorrt', 'cuda'] : [provider], session };
}
