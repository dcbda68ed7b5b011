// Builds dist/ from src/ and bench/.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { buildInputs, stamp } from './stamps.mjs';
import { runNpm } from './step.mjs';

export async function buildProject(root) {
  const entry = join(root, 'dist/src/main.js');
  const built = stamp(join(root, 'dist/.cairn-setup'), () => buildInputs(root));
  if (existsSync(entry) && built.isFresh()) return;
  const made = buildInputs(root); // read before: a file that changes during the build is stale after it
  built.begin();
  await runNpm('building', ['run', '--silent', 'build']);
  if (!existsSync(entry)) {
    throw new Error('The build wrote no dist/src/main.js. Delete dist/ and *.tsbuildinfo, then try again.');
  }
  built.write(made);
}
