// Installs a Redis server with the system's package manager, where this process may.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

import { runStep, say } from '../setup/step.mjs';
import { onPath } from './locate.mjs';

// One row a package manager: what to run before, and the packages to try in turn. Distributions have been moving
// from Redis to Valkey since 2024, so both names occur. `asUser`: refuses to be run as root.
const MANAGERS = [
  {
    name: 'apt-get',
    refresh: ['apt-get', 'update', '-qq'],
    install: ['apt-get', 'install', '-y', '-qq', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300'],
    packages: ['redis-server', 'valkey-server'],
    env: ['DEBIAN_FRONTEND=noninteractive'],
    byHand: 'apt-get install -y redis-server',
  },
  {
    name: 'dnf',
    install: ['dnf', 'install', '-y', '-q'],
    packages: ['redis', 'valkey'],
    byHand: 'dnf install -y redis',
  },
  {
    name: 'apk',
    install: ['apk', 'add', '--no-cache', '--quiet'],
    packages: ['redis', 'valkey'],
    byHand: 'apk add redis',
  },
  {
    name: 'pacman',
    refresh: ['pacman', '-Sy', '--noconfirm', '--noprogressbar'],
    install: ['pacman', '-S', '--noconfirm', '--needed', '--noprogressbar'],
    packages: ['valkey', 'redis'],
    byHand: 'pacman -S valkey',
  },
  {
    name: 'zypper',
    install: ['zypper', '--non-interactive', '--quiet', 'install', '--no-recommends'],
    packages: ['redis', 'valkey'],
    byHand: 'zypper install redis',
  },
  {
    name: 'brew',
    install: ['brew', 'install', '--quiet'],
    packages: ['redis'],
    asUser: true,
    byHand: 'brew install redis',
  },
];

function manager() {
  return MANAGERS.find(({ name }) => onPath(name));
}

/** The one command that a person runs to install Redis here; undefined where no package manager is known. */
export function installCommand() {
  const found = manager();
  if (!found) return undefined;
  return found.asUser || isRoot() ? found.byHand : `sudo ${found.byHand}`;
}

/** Tries to install a server. Says on the terminal what it does; returns why it did not, or undefined. */
export async function installServer() {
  const found = manager();
  if (!found) return 'no package manager that this script knows is on the PATH';
  const prefix = privilege(found);
  if (!prefix) {
    return found.asUser
      ? `${found.name} refuses to run as root`
      : `${found.name} needs root, and sudo asks for a password`;
  }

  const run = (title, words) => {
    // `env` after sudo, because sudo drops the caller's environment.
    const environment = found.env ? ['env', ...found.env] : [];
    const [command, ...args] = [...prefix, ...environment, ...words];
    return runStep(title, command, args);
  };
  let reason;
  if (found.refresh) {
    // A mirror that does not answer is no reason to stop: the package lists at hand may be enough.
    await run('refreshing package lists', found.refresh).catch((error) => (reason = error.message));
  }
  for (const name of found.packages) {
    try {
      await run(`installing ${name} with ${found.name}`, [...found.install, name]);
      quietService(prefix);
      return undefined;
    } catch (error) {
      reason = error.message;
    }
  }
  return reason;
}

function isRoot() {
  return process.getuid?.() === 0;
}

/** The words to put before a command so that it may install packages; undefined where that is not allowed. */
function privilege(found) {
  if (found.asUser) return isRoot() ? undefined : [];
  if (isRoot()) return [];
  if (!onPath('sudo')) return undefined;
  return spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0 ? ['sudo', '-n'] : undefined;
}

/** Debian starts what it installs. Nobody asked for a service on port 6379: Cairn starts servers of its own. */
function quietService(prefix) {
  if (!onPath('dpkg')) return;
  const words = existsSync('/run/systemd/system')
    ? ['systemctl', 'disable', '--now', 'redis-server']
    : ['service', 'redis-server', 'stop'];
  const [command, ...args] = [...prefix, ...words];
  if (onPath(words[0]) && spawnSync(command, args, { stdio: 'ignore' }).status === 0) {
    say('the packaged redis-server service is off: Cairn starts its own servers, on unused ports');
  }
}
