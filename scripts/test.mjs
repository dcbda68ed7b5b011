// Every test, on a checkout that may be fresh. Arguments go to jest: `npm test -- unit/graph`.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { exitOf, shellCode } from './process/children.mjs';
import { onSignals } from './process/signals.mjs';
import { fail, setup } from './setup.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FLAGS = [
  // The code under test is ES modules, which jest runs through this.
  '--experimental-vm-modules',
  '--disable-warning=ExperimentalWarning',
];

try {
  // The tests start and kill servers of their own, so that no test touches data behind REDIS_URL.
  await setup({ redis: 'own' });
  const args = [...FLAGS, 'node_modules/jest/bin/jest.js', ...process.argv.slice(2)];
  const jest = spawn(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
  jest.once('error', fail);
  // A terminal sends Ctrl-C to jest as well; other senders only to this process.
  onSignals((signal) => jest.kill(signal));
  process.exitCode = shellCode(await exitOf(jest));
} catch (error) {
  fail(error);
}
