// What compiling the addon needs: Node's headers, node-pre-gyp, node-gyp, a C++ compiler, make and Python.
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join, resolve } from 'node:path';

import { StepFailed } from '../engine/steps.mjs';
import { runProgram } from '../process/program.mjs';

const HEADER = 'include/node/node_api.h';
const NODE_GYP = 'node_modules/node-gyp/bin/node-gyp.js';

/**
 * The folder that contains Node's include/node: `nodedir`, npm's setting of that name, or the one beside this Node.
 * Undefined where there is none: node-gyp then downloads the headers.
 */
export function findHeaders({ nodedir }, { env = process.env, execPath = process.execPath } = {}) {
  for (const [source, folder] of [
    ['--nodedir', nodedir],
    ["npm's setting nodedir", env.npm_config_nodedir],
  ]) {
    if (!folder) continue;
    if (existsSync(join(folder, HEADER))) return resolve(folder);
    throw new StepFailed('headers', `${source} names ${folder}, which has no ${HEADER}.`, 'Name the folder above it.');
  }
  const beside = dirname(dirname(realpathSync(execPath)));
  const version = join(beside, 'include/node/node_version.h');
  if (!existsSync(join(beside, HEADER)) || !existsSync(version)) return undefined;
  const [, major] = /#define NODE_MAJOR_VERSION (\d+)/.exec(readFileSync(version, 'utf8')) ?? [];
  return major === process.versions.node.split('.')[0] ? beside : undefined;
}

/** The command line of the node-pre-gyp that `packageFolder` depends on. */
export function findNodePreGyp(packageFolder) {
  const manifest = resolveFrom(packageFolder, '@mapbox/node-pre-gyp/package.json');
  if (manifest) return join(dirname(manifest), 'bin/node-pre-gyp');
  const remedy = 'Install the packages again: delete node_modules and run npm run setup.';
  throw new StepFailed('find package', '@mapbox/node-pre-gyp is not installed.', remedy);
}

/** The node-gyp that comes with npm; undefined where none is found. */
export function findNodeGyp(packageFolder, env = process.env) {
  const own = resolveFrom(packageFolder, 'node-gyp/package.json');
  const npm = (env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'npm'));
  const onPath = npm.find((file) => existsSync(file));
  const candidates = [
    env.npm_config_node_gyp,
    own && join(dirname(own), 'bin/node-gyp.js'),
    env.npm_execpath && join(dirname(dirname(env.npm_execpath)), NODE_GYP),
    onPath && join(dirname(dirname(realpathSync(onPath))), NODE_GYP),
    join(dirname(dirname(process.execPath)), 'lib/node_modules/npm', NODE_GYP),
  ];
  return candidates.find((file) => file && existsSync(file));
}

function resolveFrom(folder, name) {
  try {
    return createRequire(join(folder, 'package.json')).resolve(name);
  } catch {
    return undefined;
  }
}

/** Throws where a program is missing that the compilation needs. */
export async function checkCompiler({ python } = {}, env = process.env) {
  const wanted = {
    'a C++ compiler': [env.CXX?.split(' ')[0] ?? 'g++'],
    make: [env.MAKE ?? 'make'],
    'Python, for node-gyp': [python, env.npm_config_python, env.PYTHON, 'python3', 'python'].filter(Boolean),
  };
  const missing = [];
  for (const [what, programs] of Object.entries(wanted)) {
    let found = false;
    for (const program of programs) {
      found ||= (await runProgram(program, ['--version'], { killAfterMs: 30_000 })).ok;
    }
    if (!found) missing.push(`${what} (${programs.join(', ')})`);
  }
  if (missing.length === 0) return;
  throw new StepFailed(
    'compiler',
    `missing: ${missing.join('; ')}.`,
    'Install it. On Debian and Ubuntu: apt-get install g++ make python3; on Fedora: dnf install gcc-c++ make python3.',
  );
}
