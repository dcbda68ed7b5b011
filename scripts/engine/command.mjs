// The command line of both engine commands: its options, the lock it works under, and how it ends.
import { createRequire } from 'node:module';
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { takeLock } from '../setup/lock.mjs';
import { installPackages } from '../setup/packages.mjs';
import { say, StepFailed } from './steps.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Reads the arguments and runs `work(options)`; its result goes to stdout, as lines by `inWords(result)`, or as JSON
 * with --json. A failure goes to stderr, and the exit status is 1. Options in `alternatives` exclude each other.
 */
export async function runEngineCommand({ usage, options, alternatives = [], work, inWords }) {
  let values = {};
  try {
    values = readArguments({ usage, options, alternatives });
    if (values.help) {
      process.stdout.write(usage);
      return;
    }
    // The lock of the setup: packages must not be installed meanwhile.
    const release = await takeLock(join(ROOT, '.cairn/setup.lock'), ({ pid }) => {
      say(`a setup (process ${pid ?? 'unknown'}) is at work; waiting for it`);
    });
    try {
      const result = await work(values);
      const text = values.json ? JSON.stringify({ ok: true, ...result }) : inWords(result).join('\n');
      process.stdout.write(`${text}\n`);
    } finally {
      await release();
    }
  } catch (error) {
    process.stderr.write(`\n${error.message}\n`);
    if (process.env.DEBUG) process.stderr.write(`${error.stack}\n`);
    if (values.json) {
      const { step, message } = error;
      process.stdout.write(`${JSON.stringify({ ok: false, step, message })}\n`);
    }
    process.exitCode = 1;
  }
}

function readArguments({ usage, options, alternatives }) {
  const always = { 'no-proof': { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean' } };
  try {
    const { values } = parseArgs({ options: { ...options, ...always } });
    const given = alternatives.filter((name) => values[name] !== undefined);
    if (given.length > 1) throw new Error(`--${given.join(' and --')} exclude each other`);
    return values;
  } catch (error) {
    throw new StepFailed('arguments', error.message, usage);
  }
}

/** The folder of an installed package; installs what package-lock.json names first, where it is not there. */
export async function findPackage(name) {
  const found = folderOf(name) ?? (await installPackages(ROOT), folderOf(name));
  if (found) return found;
  throw new StepFailed(
    'find package',
    `${name} is not installed (npm leaves optional packages out where it is told to: omit=optional).`,
    'Run: npm install --no-save --include=optional',
  );
}

function folderOf(name) {
  const require = createRequire(join(ROOT, 'package.json'));
  // By folder: a package may export its package.json or not.
  const folders = require.resolve.paths(name).map((folder) => join(folder, name));
  for (const folder of folders) {
    try {
      return dirname(realpathSync(join(folder, 'package.json')));
    } catch {
      // not here
    }
  }
  return undefined;
}
