// The Python environment of the conformance scripts, which `npm run bench -- peers` shares. Uses only Node's built-in modules.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ENVIRONMENT = join(ROOT, '.venv', 'conformance');
export const PYTHON =
  process.platform === 'win32' ? join(ENVIRONMENT, 'Scripts', 'python.exe') : join(ENVIRONMENT, 'bin', 'python');
export const CONFORMANCE = join(ROOT, 'conformance');
const REQUIREMENTS = join(CONFORMANCE, 'requirements.txt');
/** What must run before the environment counts as installed. */
const STARTS = [
  'import tensorflow',
  'import torch',
  'from torchvision_import import load_torchvision; load_torchvision()',
];
const LEAST_PYTHON = [3, 11];
/** The exit status where the packages cannot be installed. */
export const CANNOT_RUN_HERE = 75;
/** Without a network, pip fails in seconds rather than minutes. */
const IMPATIENT_PIP = { PIP_RETRIES: '0', PIP_DEFAULT_TIMEOUT: '5', PIP_DISABLE_PIP_VERSION_CHECK: '1' };

export class CannotRunHere extends Error {}

/** Runs a program in the repository and returns its exit status; a signal counts as 1. */
export function run(program, args, { env = {}, ...options } = {}) {
  const done = spawnSync(program, args, { cwd: ROOT, stdio: 'inherit', ...options, env: { ...process.env, ...env } });
  if (done.error) return 127;
  return done.status ?? 1;
}

/** The name of a recent enough Python, from `PYTHON` or the PATH. */
function findPython() {
  const atLeast = `import sys; sys.exit(sys.version_info < (${LEAST_PYTHON.join(', ')}))`;
  const candidates = process.env.PYTHON ? [process.env.PYTHON] : ['python3', 'python'];
  const python = candidates.find((name) => run(name, ['-c', atLeast], { stdio: 'ignore' }) === 0);
  if (python) return python;
  throw new CannotRunHere(
    `The conformance scripts need Python ${LEAST_PYTHON.join('.')} or newer, and ${candidates.join(' or ')} is not. ` +
      'Install one, or name it in the environment variable PYTHON.',
  );
}

/** Installs conformance/requirements.txt, unless that is done. @throws CannotRunHere */
export function createEnvironment() {
  const stamp = join(ENVIRONMENT, 'installed.sha256');
  if (existsSync(PYTHON) && isInstalled(REQUIREMENTS, stamp)) return;
  if (!existsSync(PYTHON) && run(findPython(), ['-m', 'venv', ENVIRONMENT]) !== 0) {
    rmSync(ENVIRONMENT, { recursive: true, force: true });
    throw new CannotRunHere(
      'Python could not create a virtual environment. On Debian and Ubuntu: apt-get install python3-venv.',
    );
  }
  install(REQUIREMENTS, stamp, { about: ' (TensorFlow and PyTorch are large)', starts: STARTS });
}

/** Adds the packages of another requirements file to the environment, unless that is done. @throws CannotRunHere */
export function addPackages(requirements) {
  const stamp = join(ENVIRONMENT, `installed-${basename(dirname(requirements))}.sha256`);
  if (!isInstalled(requirements, stamp)) install(requirements, stamp);
}

const digestOf = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');

function isInstalled(requirements, stamp) {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === digestOf(requirements);
}

/** `starts` are statements of Python that must work afterwards. What conformance pins keeps its version. */
function install(requirements, stamp, { about = '', starts = [] } = {}) {
  const name = relative(ROOT, requirements);
  rmSync(stamp, { force: true });
  console.error(`installing ${name}${about}`);
  const packages = ['--requirement', requirements, '--constraint', REQUIREMENTS];
  if (run(PYTHON, ['-m', 'pip', 'install', '--quiet', '--quiet', ...packages], { env: IMPATIENT_PIP }) !== 0) {
    throw new CannotRunHere(`The packages of ${name} could not be installed here; pip names the one above.`);
  }
  for (const start of starts) {
    const env = { TF_CPP_MIN_LOG_LEVEL: '3', TF_ENABLE_ONEDNN_OPTS: '0', PYTHONPATH: CONFORMANCE };
    if (run(PYTHON, ['-c', start], { env, stdio: ['ignore', 'ignore', 'inherit'] }) !== 0) {
      throw new CannotRunHere(`A package was installed but does not start on this machine: ${start}`);
    }
  }
  writeFileSync(stamp, digestOf(requirements));
}
