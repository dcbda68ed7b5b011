// Installs what package-lock.json names.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

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

const DEPENDENCIES = ['dependencies', 'devDependencies', 'optionalDependencies'];

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
  const manifest = json(join(root, 'package.json'));
  const locked = json(join(root, 'package-lock.json')).packages[''];
  const differs = DEPENDENCIES.find((key) => !isDeepStrictEqual(manifest[key] ?? {}, locked[key] ?? {}));
  if (differs) {
    throw new Error(
      `package-lock.json does not belong to package.json: their ${differs} differ. ` +
        'Run `npm install` and commit the lock file that it writes.',
    );
  }
}

function json(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}
