import { readFile } from 'node:fs/promises';

/** Names of the integer dot products in Linux's list of a processor's features: x64 and Arm. */
const FEATURES = /\b(avx512_vnni|avx_vnni|asimddp)\b/;

/**
 * Whether the processor multiplies 8-bit integers and adds the products in 32 bits in one instruction, for which integer
 * networks are made; undefined where that cannot be told.
 */
export async function hasIntegerDotProduct(): Promise<boolean | undefined> {
  if (process.platform === 'linux') {
    const text = await readFile('/proc/cpuinfo', 'utf8').catch(() => undefined);
    return text === undefined ? undefined : FEATURES.test(text);
  }
  // Every Apple processor of the M series.
  return process.platform === 'darwin' && process.arch === 'arm64' ? true : undefined;
}
