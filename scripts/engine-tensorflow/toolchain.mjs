// What compiling the addon takes: Node's headers, node-pre-gyp, node-gyp, a C++ compiler, make and Python.
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join, resolve } from 'node:path';

import { runProgram, StepFailed } from '../engine/steps.mjs';

const HEADER = 'include/node/node_api.h';
const NODE_GYP = 'node_modules/node-gyp/bin/node-gyp.js';

/**
 * The folder with Node's include/node: as asked for, npm's setting `nodedir`, or beside this Node. Undefined where
 * none is: node-gyp then downloads the headers.
 */
export function findHeaders({ nodedir }, { env = process.env, execPath = process.execPath } = {}) {
  for (const [by, folder] of [
    ['--nodedir', nodedir],
    ["npm's setting nodedir", env.npm_config_nodedir],
  ]) {
    if (!folder) continue;
    if (existsSync(join(folder, HEADER))) return resolve(folder);
    throw new StepFailed('headers', `${by} names ${folder}, which has no ${HEADER}.`, 'Name the folder above it.');
  }
  const beside = dirname(dirname(realpathSync(execPath)));
  return existsSync(join(beside, HEADER)) && majorOf(beside) === process.versions.node.split('.')[0]
    ? beside
    : undefined;
}

/** Which Node the headers in `folder` belong to. */
function majorOf(folder) {
  try {
    const text = readFileSync(join(folder, 'include/node/node_version.h'), 'utf8');
    return /#define NODE_MAJOR_VERSION (\d+)/.exec(text)?.[1];
  } catch {
    return undefined;
  }
}

/** The command line of the node-pre-gyp that `packageFolder` depends on. */
export function findNodePreGyp(packageFolder) {
  const manifest = requireFrom(packageFolder, '@mapbox/node-pre-gyp/package.json');
  if (manifest) return join(dirname(manifest), 'bin/node-pre-gyp');
  throw new StepFailed(
    'find package',
    '@mapbox/node-pre-gyp is not installed beside @tensorflow/tfjs-node-gpu.',
    'Install the packages again: delete node_modules and run npm run setup.',
  );
}

/** The node-gyp that npm brings; undefined where there is none to be seen. */
export function findNodeGyp(packageFolder, env = process.env) {
  const own = requireFrom(packageFolder, 'node-gyp/package.json');
  const path = (env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'npm'));
  const npm = path.find((file) => existsSync(file));
  const candidates = [
    env.npm_config_node_gyp,
    own && join(dirname(own), 'bin/node-gyp.js'),
    env.npm_execpath && join(dirname(dirname(env.npm_execpath)), NODE_GYP),
    npm && join(dirname(dirname(realpathSync(npm))), NODE_GYP),
    join(dirname(dirname(process.execPath)), 'lib/node_modules/npm', NODE_GYP),
  ];
  return candidates.find((file) => file && existsSync(file));
}

function requireFrom(folder, name) {
  try {
    return createRequire(join(folder, 'package.json')).resolve(name);
  } catch {
    return undefined;
  }
}

/** Throws where a program is missing that the compilation would stop at. */
export async function checkCompiler({ python } = {}, env = process.env) {
  const pythons = [python, env.npm_config_python, env.PYTHON, 'python3', 'python'].filter(Boolean);
  const wanted = [
    ['a C++ compiler', [env.CXX?.split(' ')[0] ?? 'g++']],
    ['make', [env.MAKE ?? 'make']],
    ['Python, for node-gyp', pythons],
  ];
  const missing = [];
  for (const [what, programs] of wanted) {
    if (!(await anyRuns(programs))) missing.push(`${what} (${programs.join(', ')})`);
  }
  if (missing.length === 0) return;
  throw new StepFailed(
    'compiler',
    `missing: ${missing.join('; ')}.`,
    'Install it. On Debian and Ubuntu: apt-get install g++ make python3; on Fedora: dnf install gcc-c++ make python3.',
  );
}

async function anyRuns(programs) {
  for (const program of programs) {
    if ((await runProgram(program, ['--version'], { killAfterMs: 30_000 })).ok) return true;
  }
  return false;
}
