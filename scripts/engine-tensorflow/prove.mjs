// Proves an installed addon in a process of its own: a libtensorflow that does not fit may end its process.
import { fileURLToPath } from 'node:url';

import { runProgram, showOutput, StepFailed } from '../engine/steps.mjs';

const PROOF = fileURLToPath(new URL('proof.mjs', import.meta.url));
/** A GPU that the library has no kernels for compiles them at the first use, which takes minutes. */
const AT_MOST_MS = 30 * 60_000;
const NOTES = 5;

/** `{ backend, tensorflow, gpu, notes }` of the package in `folder`; `notes` says what TensorFlow said of GPUs. */
export async function prove(folder) {
  const run = await runProgram(process.execPath, [PROOF, folder], {
    title: 'proving it',
    killAfterMs: AT_MOST_MS,
    env: {
      NODE_OPTIONS: '',
      // Not the whole card: another process may be at work on it.
      TF_FORCE_GPU_ALLOW_GROWTH: 'true',
      // Warnings say why there is no GPU.
      TF_CPP_MIN_LOG_LEVEL: '1',
    },
  });
  const { backend, tensorflow, gpu, computed, message } = resultIn(run.stdout);
  if (run.ok && computed) return { backend, tensorflow, gpu, notes: gpu ? [] : gpuNotes(run.stderr) };
  showOutput({ ...run, stdout: '' });
  const step = backend === undefined ? 'load' : 'run';
  const what = message ?? `the process ${run.how}: ${run.stderr.trim().split('\n').at(-1)}`;
  throw new StepFailed(step, what, advice(step, what));
}

function resultIn(stdout) {
  try {
    return JSON.parse(stdout.trim().split('\n').at(-1));
  } catch {
    return {};
  }
}

function advice(step, text) {
  if (/cannot open shared object file/.test(text)) {
    return 'The library that it names is part of libtensorflow or of the system: install it, or take another libtensorflow.';
  }
  if (/GLIBC|CXXABI/.test(text)) return 'This libtensorflow was made for a newer system; take an older one.';
  if (/SIGILL/.test(text)) return 'This libtensorflow uses instructions that the processor lacks (AVX, most often).';
  if (step === 'run') {
    return 'The library loads but does not compute. If it found a GPU, CUDA_VISIBLE_DEVICES=-1 leaves that out.';
  }
  return "Try another libtensorflow with --libtensorflow DIR, or the publisher's with --prebuilt.";
}

/** The lines of TensorFlow's log about GPUs, without its time and place. */
export function gpuNotes(log) {
  const lines = log.split('\n').filter((line) => /cuda|cudnn|\bgpu/i.test(line));
  const texts = lines.map((line) => line.replace(/^.*?\.(?:cc|h):\d+\]\s*/, '').trim());
  return [...new Set(texts)].slice(0, NOTES);
}
