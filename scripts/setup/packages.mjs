// Installs the packages that package-lock.json names.
import { join } from 'node:path';

import { packageInputs, stamp } from './stamps.mjs';
import { runNpm } from './step.mjs';

// Under NODE_ENV=production too: building and testing need the development packages.
const INSTALL = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];

export async function installPackages(root) {
  const installed = stamp(join(root, 'node_modules/.cairn-setup'), () => packageInputs(root));
  if (installed.isFresh()) return;
  const inputs = packageInputs(root);
  installed.clear();
  await runNpm('installing packages', INSTALL);
  installed.write(inputs);
}
