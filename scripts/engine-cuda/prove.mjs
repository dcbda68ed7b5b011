// Proves the provider files in a process of their own: a driver that does not fit may end its process.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { runProgram, showOutput, StepFailed } from '../engine/steps.mjs';
import { cudaVersionOf, diagnose } from './diagnose.mjs';

const PROOF = fileURLToPath(new URL('proof.mjs', import.meta.url));
/** TensorRT compiles for minutes. */
const AT_MOST_MS = 15 * 60_000;

/** Throws why ONNX Runtime does not compute with CUDA, and what to install. */
export async function prove(files) {
  const { works, log, shown } = await attempt(files, 'cuda');
  if (works) return;
  const { step, what, todo } = diagnose('cuda', log, { driver: hasDriver(), ...(await needsOf(files, 'cuda')) });
  showOutput({ stdout: '', stderr: log, shown });
  throw new StepFailed(step, what, todo);
}

/** TensorRT is a choice beside CUDA: `{ works }`, and `why` not. */
export async function tryTensorRt(files) {
  const { works, log } = await attempt(files, 'tensorrt');
  if (works) return { works };
  const { what, todo } = diagnose('tensorrt', log, { driver: hasDriver(), ...(await needsOf(files, 'tensorrt')) });
  return { works, why: `${what} ${todo}` };
}

async function attempt({ packageFolder }, provider) {
  const run = await runProgram(process.execPath, [PROOF, packageFolder, provider], {
    title: `proving ${provider}`,
    killAfterMs: AT_MOST_MS,
    env: { NODE_OPTIONS: '' },
  });
  const works = run.ok && run.stdout.includes('computed');
  // Its own end is status 1; a crash has said nothing about itself.
  const crash = run.ok || run.how === 'exited with 1' ? [] : [`the process ${run.how}`];
  return { works, log: [run.stderr.trim(), ...crash].join('\n'), shown: run.shown };
}

function hasDriver() {
  return existsSync('/dev/nvidiactl') || existsSync('/dev/dxg');
}

/** By `ldd`: which libraries the provider's file is `lacking` here, and the `cudaVersion` that it is made for. */
export async function needsOf({ folder }, provider) {
  const { stdout } = await runProgram('ldd', [join(folder, `libonnxruntime_providers_${provider}.so`)]);
  const lines = [...stdout.matchAll(/^\s*(\S+) => (not found)?/gm)];
  const lacking = lines.filter(([, , missing]) => missing).map(([, name]) => name);
  return { lacking: [...new Set(lacking)], cudaVersion: cudaVersionOf(lines.map(([, name]) => name)) };
}
