// A lock file that survives no crash: its holder touches it while it lives, so that others detect a dead holder, on this
// machine or on another one that shares the folder, and take the lock over.
import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const TOUCH_EVERY_MS = 5_000;
const STALE_AFTER_MS = 60_000;
const LOOK_EVERY_MS = 250;

/**
 * Takes the lock at `path` and resolves with the function that releases it. While a live process holds it, calls
 * `onHeld(holder)` once and waits; `onHeld` may throw instead.
 */
export async function takeLock(path, onHeld) {
  await mkdir(dirname(path), { recursive: true });
  const mine = JSON.stringify({ pid: process.pid, host: hostname(), token: randomUUID() });
  let reported = false;
  while (!(await create(path, mine))) {
    const holder = await read(path);
    if (holder === undefined) continue; // released in the meantime
    if (holder.dead) {
      await takeAway(path, holder.text);
      continue;
    }
    if (!reported) onHeld?.(holder);
    reported = true;
    await sleep(LOOK_EVERY_MS);
  }
  const touch = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, TOUCH_EVERY_MS);
  touch.unref();
  return async () => {
    clearInterval(touch);
    if ((await read(path))?.text === mine) await rm(path, { force: true });
  };
}

async function create(path, text) {
  let file;
  try {
    file = await open(path, 'wx');
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
  try {
    await file.writeFile(text);
  } finally {
    await file.close();
  }
  return true;
}

/** The lock's text and whether its holder is dead; undefined when there is no lock. */
async function read(path) {
  try {
    const text = await readFile(path, 'utf8');
    const untouched = Date.now() - (await stat(path)).mtimeMs > STALE_AFTER_MS;
    const { pid, host } = parse(text);
    return { text, pid, dead: untouched || (host === hostname() && !isAlive(pid)) };
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Its holder; empty while the holder has created the file but not yet written to it. */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** Removes a dead holder's lock, unless another process has already replaced it by its own. */
async function takeAway(path, deadText) {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  if ((await readFile(aside, 'utf8')) !== deadText) await link(aside, path).catch(() => {});
  await rm(aside, { force: true });
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM'; // alive, but another user's
  }
}
