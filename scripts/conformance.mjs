// Compares Cairn with Keras, TensorFlow, torchvision, scikit-image and TensorStore: creates the Python environment, then runs
// conformance/run.py with the arguments given here. Uses only Node's built-in modules.
//
//     node scripts/conformance.mjs [--quick] [--only TEXT] [--write-golden]
//
// The exit status is run.py's; 75 where Python, TensorFlow, PyTorch or torchvision cannot be installed.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import {
  CANNOT_RUN_HERE,
  CannotRunHere,
  CONFORMANCE,
  createEnvironment,
  PYTHON,
  run,
} from './conformance/environment.mjs';

const SETUP = fileURLToPath(new URL('setup.mjs', import.meta.url));

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
