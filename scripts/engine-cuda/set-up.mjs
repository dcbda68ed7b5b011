// The libraries of ONNX Runtime's GPU providers: installed where onnxruntime-node looks for them, then proven.
import {
  closeSync,
  createReadStream,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
} from 'node:fs';
import { copyFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, normalize, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { NO_NETWORK, runProof, say, StepFailed } from '../engine/steps.mjs';
import { runProgram, showOutput, since } from '../process/program.mjs';
import { cudaVersionOf, diagnose } from './diagnose.mjs';

const PROOF = fileURLToPath(new URL('proof.mjs', import.meta.url));
const CUDA_PROVIDER = 'libonnxruntime_providers_cuda.so';
/** TensorRT compiles for minutes. */
const PROOF_TIMEOUT_MS = 15 * 60_000;
/** How a shared library of Linux begins. */
const ELF = Buffer.from('\x7fELF', 'latin1');

/**
 * Resolves with `{ already, folder, version, cudaVersion, proven }`, and after the proof with `cuda` and `tensorrt`.
 * `cudaVersion` is the version that the libraries were built for, where `ldd` shows it.
 */
export async function setUpProviders(packageFolder, options) {
  const files = providerFiles(packageFolder);
  const { folder, version } = files;
  const already = !options.from && !options.again && missingFiles(files, folder).length === 0;
  if (!already) await (options.from ? copyFrom(resolve(options.from), files) : download(files));
  const { cudaVersion } = await inspectNeeds(files, 'cuda');
  const installed = { already, folder, version, cudaVersion };
  if (options['no-proof']) return { ...installed, proven: false };

  const { works, log, shown, step, what, remedy } = await prove(files, 'cuda');
  if (!works) {
    showOutput({ stdout: '', stderr: log, shown });
    throw new StepFailed(step, what, remedy);
  }
  // TensorRT is optional.
  const tensorrt = await prove(files, 'tensorrt');
  const result = tensorrt.works ? { works: true } : { works: false, why: `${tensorrt.what} ${tensorrt.remedy}` };
  return { ...installed, proven: true, cuda: true, tensorrt: result };
}

/**
 * `{ packageFolder, folder, names, version }`: the files `names` belong in `folder`, beside the binding that this Node
 * loads. Throws where the publisher has none for this system.
 */
export function providerFiles(packageFolder, { platform = process.platform, arch = process.arch } = {}) {
  const { version } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8'));
  const bin = join(packageFolder, 'bin');
  const folders = existsSync(bin) ? readdirSync(bin).map((name) => join(bin, name, platform, arch)) : [];
  const folder = folders.find((path) => existsSync(join(path, 'onnxruntime_binding.node')));
  // The package lists what its install script downloads.
  const require = createRequire(join(packageFolder, 'package.json'));
  const { requirements, manifests } = require('./script/install-metadata.js');
  const system = `${platform}/${arch}`;
  const names = (requirements[system] ?? []).flatMap((name) => Object.keys(manifests[`${system}:${name}`] ?? {}));
  if (folder && names.length > 0)
    return { packageFolder, folder, names: names.map((file) => normalize(file)), version };
  throw new StepFailed(
    'find files',
    `onnxruntime-node ${version} has no CUDA libraries for ${system}.`,
    "They exist for Linux on x64. On other systems ONNX Runtime's device `webgpu` uses the GPU.",
  );
}

/** Those of `names` that are not libraries in `folder`. */
export function missingFiles({ names }, folder) {
  return names.filter((name) => !isLibrary(join(folder, name)));
}

function isLibrary(path) {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return false;
  const start = Buffer.alloc(ELF.length);
  const file = openSync(path, 'r');
  try {
    readSync(file, start);
  } finally {
    closeSync(file);
  }
  return start.equals(ELF);
}

/**
 * The versions of ONNX Runtime that a library names, of which one is its own; empty where it names none. Libraries of another
 * version may load, and then compute with structures of another layout.
 */
async function versionsIn(file) {
  const found = new Set();
  let rest = '';
  for await (const chunk of createReadStream(file, { encoding: 'latin1', highWaterMark: 2 ** 20 })) {
    const text = rest + chunk;
    for (const [, version] of text.matchAll(/\0(1\.[1-9]\d\.\d{1,2})(?=\0)/g)) found.add(version);
    // One may lie across two chunks.
    rest = text.slice(-16);
  }
  return [...found];
}

async function copyFrom(from, files) {
  const missing = missingFiles(files, from);
  if (missing.length > 0) {
    const remedy = `Name the lib/ folder of ${releaseFile(files)}, unpacked.`;
    throw new StepFailed('files', `${from} has no ${missing.join(', no ')}.`, remedy);
  }
  const versions = await versionsIn(join(from, CUDA_PROVIDER));
  if (versions.length > 0 && !versions.includes(files.version)) {
    const what = `the libraries in ${from} are of ONNX Runtime ${versions.join(' or ')}, the package is ${files.version}.`;
    throw new StepFailed('files', what, `Name the lib/ folder of ${releaseFile(files)}, unpacked.`);
  }
  await whole(files, async () => {
    for (const name of files.names) await copyFile(join(from, name), join(files.folder, name));
  });
}

/** Runs the package's own install script. */
async function download(files) {
  const { packageFolder, folder, version } = files;
  const started = performance.now();
  say(`downloading the CUDA and TensorRT providers of ONNX Runtime ${version} (some hundred MB)`);
  await whole(files, async () => {
    // The script skips files that exist.
    for (const name of files.names) await rm(join(folder, name), { force: true });
    const run = await runProgram(process.execPath, ['script/install.js'], {
      cwd: packageFolder,
      say,
      title: 'downloading',
      env: { ...proxies(process.env), ONNXRUNTIME_NODE_INSTALL: 'true' }, // given "cuda12", the script does nothing
    });
    if (!run.ok) throw downloadFailure(run, version);
    const missing = missingFiles(files, folder);
    if (missing.length > 0) {
      throw new StepFailed('files', `the download left out ${missing.join(', ')}.`, 'Try again.');
    }
  });
  say(`downloading: done in ${since(started)}`);
}

/** Removes the files where `work` fails: a truncated library would be taken for a whole one. */
async function whole({ names, folder }, work) {
  try {
    await work();
  } catch (error) {
    for (const name of names) await rm(join(folder, name), { force: true });
    throw error;
  }
}

function downloadFailure(run, version) {
  const offline = NO_NETWORK.test(run.stderr);
  if (!offline) showOutput(run);
  return new StepFailed(
    'download',
    offline
      ? "the publisher's server could not be reached."
      : `the install script of onnxruntime-node ${run.how}; its output is above.`,
    `${offline ? 'Behind a proxy, set HTTPS_PROXY. ' : ''}Without a network: fetch ${releaseFile({ version })} ` +
      'elsewhere, unpack it here, and name its lib/ folder: npm run engine:cuda -- --from DIR',
  );
}

/** The release files of ONNX Runtime with its GPU libraries: one per version of CUDA. */
function releaseFile({ version }) {
  return `onnxruntime-linux-x64-gpu_cuda12-${version}.tgz or …_cuda13-${version}.tgz (release files of ONNX Runtime)`;
}

/** The script reads a proxy from its own variables only. */
function proxies(env) {
  const named = {
    GLOBAL_AGENT_HTTP_PROXY: env.HTTP_PROXY ?? env.http_proxy,
    GLOBAL_AGENT_HTTPS_PROXY: env.HTTPS_PROXY ?? env.https_proxy,
    GLOBAL_AGENT_NO_PROXY: env.NO_PROXY ?? env.no_proxy,
  };
  return Object.fromEntries(Object.entries(named).filter(([name, value]) => value && !env[name]));
}

/** `{ works }`, and where it does not, the log and its diagnosis. */
async function prove(files, provider) {
  const title = `proving ${provider}`;
  const run = await runProof(PROOF, [files.packageFolder, provider], { title, killAfterMs: PROOF_TIMEOUT_MS });
  // ONNX Runtime with CUDA may crash when its process ends: what counts is what it has computed.
  if (run.found.computed) return { works: true };
  const log = [run.stderr.trim(), run.crash].filter((text) => text !== undefined).join('\n');
  const driver = existsSync('/dev/nvidiactl') || existsSync('/dev/dxg');
  const diagnosis = diagnose(provider, log, { driver, ...(await inspectNeeds(files, provider)) });
  return { works: false, log, shown: run.shown, ...diagnosis };
}

/** By `ldd`: the libraries that the provider is `lacking` here, and the `cudaVersion` that it was built for. */
async function inspectNeeds({ folder }, provider) {
  const { stdout } = await runProgram('ldd', [join(folder, `libonnxruntime_providers_${provider}.so`)]);
  const lines = [...stdout.matchAll(/^\s*(\S+) => (not found)?/gm)];
  const lacking = lines.filter(([, , missing]) => missing).map(([, name]) => name);
  return { lacking: [...new Set(lacking)], cudaVersion: cudaVersionOf(lines.map(([, name]) => name)) };
}
