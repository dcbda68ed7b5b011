// Installs a Redis server by apt-get or Homebrew where this process may; knows the command for other package managers.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

import { runStep, say } from '../setup/step.mjs';
import { onPath } from './locate.mjs';

/** The command to type, per package manager. Distributions have been moving from Redis to Valkey since 2024. */
const COMMANDS = {
  'apt-get': 'apt-get install -y redis-server',
  dnf: 'dnf install -y valkey',
  apk: 'apk add valkey',
  pacman: 'pacman -S valkey',
  zypper: 'zypper install valkey',
  brew: 'brew install redis',
};
const APT_GET = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get'];
const APT_INSTALL = ['install', '-y', '-qq', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300'];

const isRoot = () => process.getuid?.() === 0;
const manager = () => Object.keys(COMMANDS).find((name) => onPath(name));

/** The command that installs Redis here; undefined where no known package manager is on the PATH. */
export function installCommand() {
  const name = manager();
  if (!name) return undefined;
  return name === 'brew' || isRoot() ? COMMANDS[name] : `sudo ${COMMANDS[name]}`;
}

/** Tries to install a server. Returns the reason for a failure, or undefined. */
export async function installServer() {
  switch (manager()) {
    case 'apt-get':
      return installByApt();
    case 'brew':
      if (isRoot()) return 'brew refuses to run as root';
      return attempt('installing redis with brew', ['brew', 'install', '--quiet', 'redis']);
    case undefined:
      return 'no known package manager is on the PATH';
    default:
      return 'this script installs by apt-get or brew only';
  }
}

async function installByApt() {
  const sudo = isRoot() ? [] : ['sudo', '-n'];
  if (!isRoot() && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status !== 0) {
    return 'apt-get needs root, and sudo asks for a password';
  }
  // A mirror that does not answer is no reason to stop: the present package lists may do.
  await attempt('refreshing package lists', [...sudo, ...APT_GET, 'update', '-qq']);
  let reason;
  for (const name of ['redis-server', 'valkey-server']) {
    reason = await attempt(`installing ${name} with apt-get`, [...sudo, ...APT_GET, ...APT_INSTALL, name]);
    if (reason === undefined) return stopPackagedService(sudo);
  }
  return reason;
}

async function attempt(title, [command, ...args]) {
  try {
    await runStep(title, command, args);
    return undefined;
  } catch (error) {
    return error.message;
  }
}

/** Debian starts the services that it installs; Cairn needs none on port 6379. */
function stopPackagedService(sudo) {
  const words = existsSync('/run/systemd/system')
    ? ['systemctl', 'disable', '--now', 'redis-server']
    : ['service', 'redis-server', 'stop'];
  const [command, ...args] = [...sudo, ...words];
  if (onPath(words[0]) && spawnSync(command, args, { stdio: 'ignore' }).status === 0) {
    say('the packaged redis-server service is off: Cairn starts its own servers, on unused ports');
  }
}
