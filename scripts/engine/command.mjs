// The command line of both engine commands: options, lock, result and failure.
import { createRequire } from 'node:module';
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { takeLock } from '../setup/lock.mjs';
import { readOptions } from '../setup/options.mjs';
import { installPackages } from '../setup/packages.mjs';
import { say, StepFailed } from './steps.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const COMMON = { again: { type: 'boolean' }, 'no-proof': { type: 'boolean' }, json: { type: 'boolean' } };

/**
 * Reads the arguments and runs `work(packageFolder, options)` on the installed package `name`. Prints the result to
 * stdout: the lines of `inWords(result)`, or one line of JSON with --json. A failure goes to stderr, and to stdout with
 * --json; the exit status is then 1. Options in `alternatives` exclude each other.
 */
export async function runEngineCommand({ usage, name, options, alternatives, work, inWords }) {
  const json = process.argv.includes('--json');
  try {
    const values = readArguments(usage, { ...options, ...COMMON }, alternatives);
    if (!values) return;
    // The setup's lock: it must not install packages meanwhile.
    const release = await takeLock(join(ROOT, '.cairn/setup.lock'), ({ pid }) => {
      say(`a setup (process ${pid ?? 'unknown'}) is running; waiting for it`);
    });
    try {
      const result = await work(await findPackage(name), values);
      process.stdout.write(`${json ? JSON.stringify({ ok: true, ...result }) : inWords(result).join('\n')}\n`);
    } finally {
      await release();
    }
  } catch (error) {
    process.stderr.write(`\n${error.message}\n`);
    if (process.env.DEBUG) process.stderr.write(`${error.stack}\n`);
    if (json) process.stdout.write(`${JSON.stringify({ ok: false, step: error.step, message: error.message })}\n`);
    process.exitCode = 1;
  }
}

function readArguments(usage, options, alternatives) {
  try {
    const values = readOptions(usage, options);
    const given = alternatives.filter((name) => values?.[name] !== undefined);
    if (given.length > 1) throw new Error(`--${given.join(' and --')} exclude each other`);
    return values;
  } catch (error) {
    throw new StepFailed('arguments', error.message, usage);
  }
}

/** The folder of an installed package; installs the packages first where it is missing. */
async function findPackage(name) {
  const found = folderOf(name) ?? (await installPackages(ROOT), folderOf(name));
  if (found) return found;
  throw new StepFailed(
    'find package',
    `${name} is not installed (npm leaves out optional packages where omit=optional is set).`,
    'Run: npm install --no-save --include=optional',
  );
}

function folderOf(name) {
  // By folder, because a package may not export its package.json.
  for (const folder of createRequire(join(ROOT, 'package.json')).resolve.paths(name)) {
    try {
      return dirname(realpathSync(join(folder, name, 'package.json')));
    } catch {
      // not here
    }
  }
  return undefined;
}
