// Compiles the addon of the TF.js package, unless it has been, and proves it.
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';

import { NO_NETWORK, runProof, say, StepFailed } from '../engine/steps.mjs';
import { runProgram, showOutput, since } from '../process/program.mjs';
import { chooseLibrary, identityOf, inspectFolder } from './library.mjs';
import { checkCompiler, findHeaders, findNodeGyp, findNodePreGyp } from './toolchain.mjs';

const PROOF = fileURLToPath(new URL('proof.mjs', import.meta.url));
/** Compiling kernels for a GPU that the library has none for takes minutes, at first use. */
const PROOF_TIMEOUT_MS = 30 * 60_000;
const MAX_NOTES = 5;
/** In the package: the libtensorflow that its addon was built with. Reinstalling the package removes both. */
const RECORD = '.cairn-engine.json';

/**
 * Resolves with `{ already, libtensorflow, addon, proven }`, and after the proof with `{ backend, tensorflow, gpu, notes }`.
 * A new addon that fails its proof is removed.
 */
export async function setUpAddon(packageFolder, options) {
  const built = await readRecord(packageFolder);
  const named = options.libtensorflow ?? options.python ?? process.env.TENSORFLOW_DIR;
  // An existing addon need not be rebuilt only because python3 has changed.
  const library = (named ? undefined : stillThere(built)) ?? (await chooseLibrary(options));
  const identity = identityOf(library);
  const already = !options.again && addonIn(packageFolder) !== undefined && isDeepStrictEqual(built, identity);
  if (!already) await compile(packageFolder, library, options);
  let proof;
  try {
    if (!options['no-proof']) proof = await prove(packageFolder);
  } catch (error) {
    if (!already) await removeAddon(packageFolder);
    throw error;
  }
  if (!already) await writeFile(join(packageFolder, RECORD), `${JSON.stringify(identity, null, 2)}\n`);
  const libtensorflow = { kind: library.kind, folder: library.folder };
  return { already, libtensorflow, addon: addonIn(packageFolder), proven: proof !== undefined, ...proof };
}

async function readRecord(packageFolder) {
  try {
    return JSON.parse(await readFile(join(packageFolder, RECORD), 'utf8'));
  } catch {
    return undefined;
  }
}

function stillThere(built) {
  try {
    return inspectFolder(built.folder);
  } catch {
    return undefined;
  }
}

/** The addon file in a package's folder; undefined where there is none. */
function addonIn(folder) {
  const lib = join(folder, 'lib');
  const names = existsSync(lib) ? readdirSync(lib).sort() : [];
  return names.map((name) => join(lib, name, 'tfjs_binding.node')).find((file) => existsSync(file));
}

/** The record first: what is left after an interruption must not look whole. */
async function removeAddon(folder) {
  for (const name of [RECORD, 'lib', 'deps']) await rm(join(folder, name), { recursive: true, force: true });
}

async function compile(folder, library, { nodedir, python }) {
  const headers = findHeaders({ nodedir });
  const preGyp = findNodePreGyp(folder);
  const gyp = findNodeGyp(folder);
  await checkCompiler({ python });
  await removeAddon(folder);
  await linkForCompiling(folder, library);

  const started = performance.now();
  say(`compiling the addon against the libtensorflow in ${library.folder}`);
  const args = ['install', '--build-from-source', ...(headers ? [`--nodedir=${headers}`] : [])];
  const run = await runProgram(process.execPath, [preGyp, ...args], {
    cwd: folder,
    say,
    title: 'compiling',
    env: {
      JOBS: process.env.JOBS ?? '1', // there are two source files
      ...(gyp && { npm_config_node_gyp: gyp }),
      ...(python && { npm_config_python: python }),
    },
  });
  if (!run.ok || !addonIn(folder)) {
    await removeAddon(folder);
    throw compileFailure(run, headers, library);
  }
  // A link to the whole folder: links to single libraries would hide where they are, and a wheel built for GPUs looks for
  // CUDA in ../nvidia from its own folder.
  await rm(join(folder, 'deps/lib'), { recursive: true });
  await symlink(library.lib, join(folder, 'deps/lib'));
  for (const name of readdirSync(folder)) {
    if (name.startsWith('build')) await rm(join(folder, name), { recursive: true });
  }
  say(`compiling: done in ${since(started)}`);
}

/** What binding.gyp compiles against: headers, and the libraries under the names that it links. */
async function linkForCompiling(folder, { include, lib, library, framework }) {
  const links = join(folder, 'deps/lib');
  await mkdir(links, { recursive: true });
  await symlink(include, join(folder, 'deps/include'));
  const names = { 'libtensorflow.so': library, 'libtensorflow_framework.so': framework, [framework]: framework };
  for (const [name, file] of Object.entries(names)) await symlink(join(lib, file), join(links, name));
}

/** Distinguishes headers that could not be downloaded from the compiler's own errors. */
export function compileFailure(run, headers, library) {
  const log = run.stdout + run.stderr;
  if (!run.ok && !headers && !/CXX\(target\)/.test(log) && NO_NETWORK.test(log)) {
    return new StepFailed(
      'headers',
      `there are no headers beside this Node (${process.execPath}), and they could not be downloaded.`,
      'Name the folder that contains include/node/node_api.h: --nodedir DIR. (For the Node of Debian: apt-get install ' +
        'libnode-dev, then --nodedir /usr.)',
    );
  }
  showOutput(run);
  return new StepFailed(
    'compile',
    run.ok ? 'node-pre-gyp wrote no tfjs_binding.node.' : `node-pre-gyp ${run.how}; its output is above.`,
    `The headers of ${library.folder} may not fit @tensorflow/tfjs-node-gpu; those of TensorFlow 2.21 do. ` +
      'CXXFLAGS takes compiler options.',
  );
}

/** `{ backend, tensorflow, gpu, notes }`; `notes` are TensorFlow's own remarks about GPUs where it uses none. */
async function prove(folder) {
  const run = await runProof(PROOF, [folder], {
    title: 'proving it',
    killAfterMs: PROOF_TIMEOUT_MS,
    env: {
      // Not the whole card: another process may be using it.
      TF_FORCE_GPU_ALLOW_GROWTH: 'true',
      // Warnings say why there is no GPU.
      TF_CPP_MIN_LOG_LEVEL: '1',
    },
  });
  const { backend, tensorflow, gpu, computed, message } = run.found;
  if (run.ok && computed) return { backend, tensorflow, gpu, notes: gpu ? [] : gpuNotes(run.stderr) };
  showOutput({ ...run, stdout: '' });
  const step = backend === undefined ? 'load' : 'run';
  const what = message ?? `${run.crash}: ${run.stderr.trim().split('\n').at(-1)}`;
  throw new StepFailed(step, what, remedyFor(step, what));
}

function remedyFor(step, what) {
  if (/cannot open shared object file/.test(what)) {
    return 'The library that it names belongs to libtensorflow or to the system: install it, or use another libtensorflow.';
  }
  if (/GLIBC|CXXABI/.test(what)) return 'This libtensorflow was built for a newer system; use an older one.';
  if (/SIGILL/.test(what)) return 'This libtensorflow uses instructions that the processor lacks (AVX, most often).';
  if (step === 'load') return 'Try another libtensorflow: --libtensorflow DIR.';
  return 'The library loads but does not compute. If it found a GPU, CUDA_VISIBLE_DEVICES=-1 hides that.';
}

/** The lines of TensorFlow's log about GPUs, without time and source location. */
function gpuNotes(log) {
  const lines = log.split('\n').filter((line) => /cuda|cudnn|\bgpu/i.test(line));
  const texts = lines.map((line) => line.replace(/^.*?\.(?:cc|h):\d+\]\s*/, '').trim());
  return [...new Set(texts)].slice(0, MAX_NOTES);
}
