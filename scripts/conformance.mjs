// Compares Cairn with Keras, TensorFlow, torchvision, scikit-image and TensorStore: creates the Python environment, then runs
// conformance/run.py with the arguments given here. Uses only Node's built-in modules.
//
//     node scripts/conformance.mjs [--quick] [--only TEXT] [--write-golden]
//
// The exit status is run.py's; 75 where Python, TensorFlow, PyTorch or torchvision cannot be installed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const ENVIRONMENT = join(ROOT, '.venv', 'conformance');
const PYTHON =
  process.platform === 'win32' ? join(ENVIRONMENT, 'Scripts', 'python.exe') : join(ENVIRONMENT, 'bin', 'python');
const CONFORMANCE = join(ROOT, 'conformance');
const REQUIREMENTS = join(CONFORMANCE, 'requirements.txt');
const INSTALLED = join(ENVIRONMENT, 'installed.sha256');
const SETUP = join(ROOT, 'scripts', 'setup.mjs');
/** What must run before the environment counts as installed. */
const STARTS = [
  'import tensorflow',
  'import torch',
  'from torchvision_import import load_torchvision; load_torchvision()',
];
const LEAST_PYTHON = [3, 11];
const CANNOT_RUN_HERE = 75;
/** Without a network, pip fails in seconds rather than minutes. */
const IMPATIENT_PIP = { PIP_RETRIES: '0', PIP_DEFAULT_TIMEOUT: '5', PIP_DISABLE_PIP_VERSION_CHECK: '1' };

class CannotRunHere extends Error {}

/** Runs a program in the repository and returns its exit status; a signal counts as 1. */
function run(program, args, { env = {}, ...options } = {}) {
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

function createEnvironment() {
  const wanted = createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex');
  if (existsSync(PYTHON) && existsSync(INSTALLED) && readFileSync(INSTALLED, 'utf8') === wanted) return;
  rmSync(INSTALLED, { force: true });
  if (!existsSync(PYTHON) && run(findPython(), ['-m', 'venv', ENVIRONMENT]) !== 0) {
    rmSync(ENVIRONMENT, { recursive: true, force: true });
    throw new CannotRunHere(
      'Python could not create a virtual environment. On Debian and Ubuntu: apt-get install python3-venv.',
    );
  }
  console.error('installing conformance/requirements.txt (TensorFlow and PyTorch are large)');
  if (
    run(PYTHON, ['-m', 'pip', 'install', '--quiet', '--quiet', '--requirement', REQUIREMENTS], {
      env: IMPATIENT_PIP,
    }) !== 0
  ) {
    throw new CannotRunHere(
      'TensorFlow, PyTorch, torchvision and the other packages of conformance/requirements.txt could not be installed ' +
        'here; pip names the one above.',
    );
  }
  for (const start of STARTS) {
    const env = { TF_CPP_MIN_LOG_LEVEL: '3', TF_ENABLE_ONEDNN_OPTS: '0', PYTHONPATH: CONFORMANCE };
    if (run(PYTHON, ['-c', start], { env, stdio: ['ignore', 'ignore', 'inherit'] }) !== 0) {
      throw new CannotRunHere(`A package was installed but does not start on this machine: ${start}`);
    }
  }
  writeFileSync(INSTALLED, wanted);
}

/** Writing goldens needs Python alone; comparing needs a build of Cairn. */
function buildCairn(args) {
  if (args.includes('--write-golden') || args.includes('--help') || !existsSync(SETUP)) return 0;
  return run(process.execPath, [SETUP, '--no-redis']);
}

function main(args) {
  createEnvironment();
  const built = buildCairn(args);
  if (built !== 0) return built;
  const env = { NODE: process.execPath, PYTHONDONTWRITEBYTECODE: '1', PYTHONUTF8: '1' };
  return run(PYTHON, [join(CONFORMANCE, 'run.py'), ...args], { env });
}

try {
  process.exitCode = main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof CannotRunHere)) throw error;
  console.error(error.message);
  process.exitCode = CANNOT_RUN_HERE;
}
