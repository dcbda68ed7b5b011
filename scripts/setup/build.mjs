// Builds dist/.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { buildInputs, stamp } from './stamps.mjs';
import { runNpm } from './step.mjs';

export async function buildProject(root) {
  const entry = join(root, 'dist/src/main.js');
  const built = stamp(join(root, 'dist/.cairn-setup'), () => buildInputs(root));
  if (existsSync(entry) && built.isFresh()) return;
  const inputs = buildInputs(root); // read first: a file that changes during the build makes it stale
  built.clear();
  await runNpm('building', ['run', '--silent', 'build']);
  if (!existsSync(entry)) {
    throw new Error('The build wrote no dist/src/main.js. Delete dist/ and *.tsbuildinfo, then try again.');
  }
  built.write(inputs);
}
