// Installs what package-lock.json names.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { packageInputs, stamp } from './stamps.mjs';
import { runNpm } from './step.mjs';

// Not `npm ci`, which refuses a lock file that lacks the native binaries of platforms other than the one it was
// made on. This installs the same versions by the same checksums, and leaves the lock file as it is.
const INSTALL = [
  ['install', '--no-save'],
  // Also under NODE_ENV=production: the development packages build and test.
  ['--include=dev'],
  ['--no-audit', '--no-fund', '--loglevel=error'],
].flat();

export async function installPackages(root) {
  const installed = stamp(join(root, 'node_modules/.cairn-setup'), () => packageInputs(root));
  if (installed.isFresh()) return;
  checkLock(root);
  // An install that was ended half-way may have left half a package, which npm would take for a whole one.
  if (installed.wasBegun()) rmSync(join(root, 'node_modules'), { recursive: true, force: true });
  const made = packageInputs(root);
  installed.begin();
  await runNpm('installing packages', INSTALL);
  installed.write(made);
}

/** What `npm ci` would have checked: that the lock file was made from this package.json. */
function checkLock(root) {
  const wanted = dependenciesOf(json(join(root, 'package.json')));
  const locked = dependenciesOf(json(join(root, 'package-lock.json')).packages['']);
  const names = Object.keys({ ...wanted, ...locked });
  const differing = names.filter((name) => wanted[name] !== locked[name]);
  if (differing.length === 0) return;
  throw new Error(
    `package-lock.json does not belong to package.json: they differ in ${differing.join(', ')}. ` +
      'Run `npm install` and commit the lock file that it writes.',
  );
}

/** All in one: npm lists an optional dependency among the others as well, or not. */
function dependenciesOf({ dependencies, devDependencies, optionalDependencies }) {
  return { ...devDependencies, ...dependencies, ...optionalDependencies };
}

function json(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}
