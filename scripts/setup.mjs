// Makes a fresh checkout ready to run: packages, build, Redis. Uses only Node's built-in modules, and skips steps that are
// up to date.
//
//     node scripts/setup.mjs [--no-redis]
import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { findRedisServer } from './redis.mjs';
import { buildProject } from './setup/build.mjs';
import { takeLock } from './setup/lock.mjs';
import { readOptions } from './setup/options.mjs';
import { installPackages } from './setup/packages.mjs';
import { say } from './setup/step.mjs';

const USAGE = `npm run setup [-- --no-redis]

Installs the packages, builds, and finds or installs a Redis server; --no-redis leaves the last step out.
`;
const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * `redis`: whether to find a Redis; `'own'` asks for a server program even where REDIS_URL is set. Resolves with the one
 * found.
 */
export async function setup({ redis = true } = {}) {
  checkNode();
  const release = await takeLock(join(ROOT, '.cairn/setup.lock'), ({ pid }) => {
    say(`another setup (process ${pid ?? 'unknown'}) is running; waiting for it`);
  });
  try {
    await installPackages(ROOT);
    await buildProject(ROOT);
    return { redis: redis ? await findRedisServer({ own: redis === 'own' }) : undefined };
  } finally {
    await release();
  }
}

/** Prints the error's message, without a stack trace, and makes the exit status 1. */
export function fail(error) {
  process.stderr.write(`\n${error?.message ?? error}\n`);
  if (process.env.DEBUG && error?.stack) process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
}

function checkNode() {
  const { engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const [major, minor] = engines.node.match(/\d+/g).map(Number);
  const [haveMajor, haveMinor] = process.versions.node.split('.').map(Number);
  if (haveMajor > major || (haveMajor === major && haveMinor >= minor)) return;
  throw new Error(
    `Cairn needs Node ${major}.${minor} or newer (22 and 24 are fine); this is Node ${process.versions.node}. ` +
      'Install a newer one from https://nodejs.org or with your version manager, then run this again.',
  );
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const options = readOptions(USAGE, { 'no-redis': { type: 'boolean' } });
    if (options) {
      const { redis } = await setup({ redis: !options['no-redis'] });
      say(`ready${redis ? `; Redis: ${redis.kind === 'url' ? 'REDIS_URL' : redis.path}` : ''}`);
    }
  } catch (error) {
    fail(error);
  }
}
