// `npm test`: sets up a checkout, which may be fresh, and runs the tests. Arguments go to jest: `npm test -- unit/graph`.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { exitOf, shellCode } from './process/children.mjs';
import { onSignals } from './process/signals.mjs';
import { fail, setup } from './setup.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FLAGS = [
  // Jest needs it to run ES modules.
  '--experimental-vm-modules',
  '--disable-warning=ExperimentalWarning',
];

try {
  // The tests start and kill their own servers: no test touches data behind REDIS_URL.
  await setup({ redis: 'own' });
  const args = [...FLAGS, 'node_modules/jest/bin/jest.js', ...process.argv.slice(2)];
  const jest = spawn(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
  jest.once('error', fail);
  // A terminal sends Ctrl-C to jest too; other senders signal this process alone.
  onSignals((signal) => jest.kill(signal));
  process.exitCode = shellCode(await exitOf(jest));
} catch (error) {
  fail(error);
}
