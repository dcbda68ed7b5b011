// Makes the addon in a staged package: compiled against a libtensorflow, or downloaded with the publisher's own.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { NO_NETWORK, runProgram, say, showOutput, since, StepFailed } from '../engine/steps.mjs';
import { describe } from './libtensorflow.mjs';
import { linkForCompiling, linkForLoading } from './stage.mjs';
import { checkCompiler, findHeaders, findNodeGyp, findNodePreGyp } from './toolchain.mjs';

export async function compile(stageFolder, library, { nodedir, python }, env = process.env) {
  const headers = findHeaders({ nodedir }, { env });
  const preGyp = findNodePreGyp(stageFolder);
  await checkCompiler({ python }, env);
  await linkForCompiling(stageFolder, library);

  const gyp = findNodeGyp(stageFolder, env);
  const started = performance.now();
  say(`compiling the addon against ${describe(library)}`);
  const args = ['install', '--build-from-source', ...(headers ? [`--nodedir=${headers}`] : [])];
  const run = await runProgram(process.execPath, [preGyp, ...args], {
    cwd: stageFolder,
    title: 'compiling',
    env: {
      JOBS: env.JOBS ?? '1', // two files
      ...(gyp && { npm_config_node_gyp: gyp }),
      ...(python && { npm_config_python: python }),
    },
  });
  if (!run.ok) throw compileFailure(run, { headers, library });
  await linkForLoading(stageFolder, library);
  say(`compiling: done in ${since(started)}`);
}

/** Tells the headers that could not be had from the compiler's own words. */
export function compileFailure(run, { headers, library }) {
  const log = run.stdout + run.stderr;
  if (!headers && !/CXX\(target\)/.test(log) && NO_NETWORK.test(log)) {
    return new StepFailed(
      'headers',
      `there are no headers beside this Node (${process.execPath}), and they could not be downloaded.`,
      'Name the folder that has include/node/node_api.h: --nodedir DIR. (For the Node of Debian: apt-get install ' +
        'libnode-dev, then --nodedir /usr.)',
    );
  }
  showOutput(run);
  return new StepFailed(
    'compile',
    `node-pre-gyp ${run.how}; its output is above.`,
    `The headers of ${library.folder} may not fit @tensorflow/tfjs-node-gpu; TensorFlow 2.21 does. ` +
      'Compiler options can be given in CXXFLAGS.',
  );
}

/** Runs the package's own install script. */
export async function download(stageFolder, { python }, env = process.env) {
  const preGyp = findNodePreGyp(stageFolder);
  const gyp = findNodeGyp(stageFolder, env);
  const started = performance.now();
  say("downloading the publisher's libtensorflow and addon (some hundred MB)");
  const run = await runProgram(process.execPath, ['scripts/install.js', 'gpu', 'download'], {
    cwd: stageFolder,
    title: 'downloading',
    env: {
      // It calls node-pre-gyp by its bare name.
      PATH: [join(preGyp, '../../../../.bin'), env.PATH].join(delimiter),
      ...(gyp && { npm_config_node_gyp: gyp }),
      ...(python && { npm_config_python: python }),
    },
  });
  if (run.ok && existsSync(join(stageFolder, 'deps', 'lib'))) {
    say(`downloading: done in ${since(started)}`);
    return;
  }
  const offline = NO_NETWORK.test(run.stderr);
  if (!offline) showOutput(run);
  throw new StepFailed(
    'download',
    offline
      ? "the publisher's server could not be reached."
      : `the package's install script ${run.how}; its output is above.`,
    (offline ? 'Behind a proxy, set HTTPS_PROXY. ' : '') +
      'Without the network, build against a TensorFlow that is on this machine: --libtensorflow DIR, with the ' +
      '`tensorflow` folder of a Python installation.',
  );
}
