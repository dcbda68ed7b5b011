// Programs on the PATH.
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

// Folders where package managers install servers, for shells whose PATH lacks them.
const ALSO = ['/usr/local/bin', '/usr/bin', '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin'];

/** The path of the executable called `name`, or undefined. */
export function onPath(name) {
  const windows = process.platform === 'win32';
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  for (const folder of windows ? folders : [...folders, ...ALSO]) {
    const path = join(folder, windows ? `${name}.exe` : name);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // absent, or not executable
    }
  }
  return undefined;
}

/** The path of redis-server, or of valkey-server, its fork with the same options; or undefined. */
export function locateServer() {
  return onPath('redis-server') ?? onPath('valkey-server');
}
