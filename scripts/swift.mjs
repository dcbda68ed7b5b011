// Installs OpenStack Swift, whose S3 API the tests of the S3 store use where it is there: `node scripts/swift.mjs`. Debian and Ubuntu
// only; its services stay off, since the tests start their own processes.
import { existsSync } from 'node:fs';

import { onPath } from './redis/locate.mjs';
import { fail } from './setup.mjs';
import { runStep } from './setup/step.mjs';

const PACKAGES = ['swift-proxy', 'swift-account', 'swift-container', 'swift-object', 'python3-swift'];
const SERVICES = ['swift-proxy', 'swift-account', 'swift-container', 'swift-object'];

try {
  if (!onPath('apt-get')) throw new Error('OpenStack Swift is installed by apt-get, which is not here.');
  const sudo = process.getuid?.() === 0 ? [] : ['sudo'];
  const [command, ...args] = [...sudo, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', 'install', '-y', '-qq'];
  await runStep('installing OpenStack Swift', command, [...args, '--no-install-recommends', ...PACKAGES]);
  if (existsSync('/run/systemd/system')) {
    const [off, ...rest] = [...sudo, 'systemctl', 'disable', '--now', ...SERVICES];
    await runStep('turning its services off', off, rest);
  }
} catch (error) {
  fail(error);
}
