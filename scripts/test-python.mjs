// Tests the Python client: builds its wheel and sdist, installs the wheel into an environment of its own, and runs its tests
// there, against a real service. Uses only Node's built-in modules.
//
//     node scripts/test-python.mjs [arguments of pytest]
//
// The exit status is pytest's; 75, with the reason, where Python or a package is missing.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CLIENT = join(ROOT, 'clients', 'python');
const ENVIRONMENT = join(ROOT, '.venv', 'client');
const PYTHON = join(ENVIRONMENT, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
const SETUP = join(ROOT, 'scripts', 'setup.mjs');
/** The exit status where the tests cannot run. */
const CANNOT_RUN_HERE = 75;
const LEAST_PYTHON = [3, 11];
/** Without a network, pip fails in seconds rather than minutes. */
const IMPATIENT_PIP = { PIP_RETRIES: '0', PIP_DEFAULT_TIMEOUT: '5', PIP_DISABLE_PIP_VERSION_CHECK: '1' };

function run(program, args, options = {}) {
  const env = { ...process.env, ...IMPATIENT_PIP, PYTHONDONTWRITEBYTECODE: '1', NODE: process.execPath };
  const done = spawnSync(program, args, { cwd: ROOT, stdio: 'inherit', env, ...options });
  return done.error ? 127 : (done.status ?? 1);
}

const pip = (...args) => run(PYTHON, ['-m', 'pip', '--quiet', ...args], { stdio: ['ignore', 'inherit', 'ignore'] });

function skip(reason) {
  console.error(`Skipped: ${reason}`);
  return CANNOT_RUN_HERE;
}

function main(args) {
  const python = process.env.PYTHON ?? 'python3';
  const atLeast = `import sys; sys.exit(sys.version_info < (${LEAST_PYTHON.join(', ')}))`;
  if (run(python, ['-c', atLeast], { stdio: 'ignore' }) !== 0) {
    return skip(`${python} is not Python ${LEAST_PYTHON.join('.')} or newer (PYTHON names another).`);
  }
  if (!existsSync(PYTHON) && run(python, ['-m', 'venv', ENVIRONMENT]) !== 0) {
    return skip('Python could not create a virtual environment.');
  }
  if (pip('install', 'hatchling', 'build', 'mypy') !== 0) return skip('the build tools could not be installed.');
  if (run(process.execPath, [SETUP, '--no-redis']) !== 0) return 1;
  const out = mkdtempSync(join(tmpdir(), 'cairn-client-'));
  try {
    // Without isolation: the build backend is installed already.
    const build = ['-m', 'build', '--no-isolation', '--outdir', out, CLIENT];
    if (run(PYTHON, build, { stdio: ['ignore', 'ignore', 'inherit'] }) !== 0) return 1;
    const files = readdirSync(out);
    console.log(files.join('\n'));
    const wheel = join(
      out,
      files.find((name) => name.endsWith('.whl')),
    );
    if (pip('install', `${wheel}[test]`) !== 0) return skip('the packages of the client could not be installed.');
    // The version is the same each time, so the one before would stay.
    if (pip('install', '--force-reinstall', '--no-deps', wheel) !== 0) return 1;
    if (run(PYTHON, ['-m', 'mypy'], { cwd: CLIENT, env: { ...process.env, MYPYPATH: join(CLIENT, 'src') } }) !== 0)
      return 1;
    return run(PYTHON, ['-m', 'pytest', '-rs', '-p', 'no:cacheprovider', ...args], { cwd: CLIENT });
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

process.exitCode = main(process.argv.slice(2));
