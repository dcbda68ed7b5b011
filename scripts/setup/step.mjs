// One step of the setup: a command whose output matters only when it fails or takes long.
import { fileURLToPath } from 'node:url';

import { reporter, runProgram, showOutput, since } from '../process/program.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export const say = reporter('setup');

/** Runs a command in the repository's root; throws, with its output shown, when it fails. */
export async function runStep(title, command, args) {
  const started = performance.now();
  const shell = process.platform === 'win32' && command === 'npm'; // npm is a .cmd file there
  const run = await runProgram(command, args, { cwd: ROOT, shell, say, title });
  if (!run.ok) {
    showOutput(run);
    throw new Error(`${title} failed: \`${[command, ...args].join(' ')}\` ${run.how} after ${since(started)}.`);
  }
  say(`${title}: done in ${since(started)}`);
}

/** Runs npm: the one that runs this script, if any. */
export function runNpm(title, args) {
  const cli = process.env.npm_execpath;
  return cli && /npm-cli\.[cm]?js$/.test(cli)
    ? runStep(title, process.execPath, [cli, ...args])
    : runStep(title, 'npm', args);
}
