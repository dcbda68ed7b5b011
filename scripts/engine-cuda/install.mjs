// Puts the provider files where they belong, whole or not at all.
import { copyFile, cp, mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';

import { NO_NETWORK, runProgram, say, showOutput, since, StepFailed } from '../engine/steps.mjs';
import { missingFiles } from './files.mjs';

/** Resolves with whether nothing was left to do. */
export async function installProviders(files, { from, again }) {
  if (!from && !again && missingFiles(files, files.folder).length === 0) return true;
  // Beside the package, so that its script finds its own dependencies and the last step is a rename.
  const stage = join(dirname(files.packageFolder), `.${basename(files.packageFolder)}-cairn`);
  await rm(stage, { recursive: true, force: true });
  try {
    const made = join(stage, relative(files.packageFolder, files.folder));
    await mkdir(made, { recursive: true });
    await (from ? copyFrom(resolve(from), files, made) : download(files, stage));
    const missing = missingFiles(files, made);
    if (missing.length > 0) {
      throw new StepFailed('files', `the download left out ${missing.join(', ')}.`, 'Try it once more.');
    }
    for (const name of files.names) await rename(join(made, name), join(files.folder, name));
    return false;
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

async function copyFrom(folder, files, made) {
  const missing = missingFiles(files, folder);
  if (missing.length > 0) {
    throw new StepFailed(
      'files',
      `${folder} has no ${missing.join(', no ')}.`,
      `Name the lib/ folder of ${releaseFile(files)}, unpacked.`,
    );
  }
  for (const name of files.names) await copyFile(join(folder, name), join(made, name));
}

/** Runs a copy of the package's own install script, which writes beside itself. */
async function download({ packageFolder, version }, stage) {
  await cp(join(packageFolder, 'script'), join(stage, 'script'), { recursive: true });
  await copyFile(join(packageFolder, 'package.json'), join(stage, 'package.json'));
  const started = performance.now();
  say(`downloading the CUDA and TensorRT providers of ONNX Runtime ${version} (some hundred MB)`);
  const run = await runProgram(process.execPath, ['script/install.js'], {
    cwd: stage,
    title: 'downloading',
    env: { ...proxies(process.env), ONNXRUNTIME_NODE_INSTALL: 'true' }, // by name ("cuda12"), the script does nothing
  });
  if (run.ok) {
    say(`downloading: done in ${since(started)}`);
    return;
  }
  const offline = NO_NETWORK.test(run.stderr);
  if (!offline) showOutput(run);
  throw new StepFailed(
    'download',
    offline
      ? "the publisher's server could not be reached."
      : `the install script of onnxruntime-node ${run.how}; its output is above.`,
    `${offline ? 'Behind a proxy, set HTTPS_PROXY. ' : ''}Without the network: fetch ${releaseFile({ version })} ` +
      'elsewhere, unpack it here, and name its lib/ folder: npm run engine:cuda -- --from DIR',
  );
}

/** What a release of ONNX Runtime calls its libraries for GPUs, one file for each version of CUDA. */
function releaseFile({ version }) {
  return `onnxruntime-linux-x64-gpu_cuda12-${version}.tgz or …_cuda13-${version}.tgz (release files of ONNX Runtime)`;
}

/** The script takes a proxy from variables of its own only. */
function proxies(env) {
  const named = {
    GLOBAL_AGENT_HTTP_PROXY: env.HTTP_PROXY ?? env.http_proxy,
    GLOBAL_AGENT_HTTPS_PROXY: env.HTTPS_PROXY ?? env.https_proxy,
    GLOBAL_AGENT_NO_PROXY: env.NO_PROXY ?? env.no_proxy,
  };
  return Object.fromEntries(Object.entries(named).filter(([name, value]) => value && !env[name]));
}
