// What the engine commands share: failures that name their step, and programs whose output matters only when they
// fail or take long.
import { spawn } from 'node:child_process';

import { exitOf, keepTail, tieToParent } from '../process/children.mjs';

const SHOW_OUTPUT_AFTER_MS = 30_000;

/** In what a program wrote: a server could not be reached. */
export const NO_NETWORK =
  /getaddrinfo|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|socket hang up/;

/** `step` went wrong: what happened, and what whoever reads it can do. */
export class StepFailed extends Error {
  constructor(step, what, todo) {
    super([`${step} failed: ${what}`, todo].filter(Boolean).join('\n'));
    this.step = step;
  }
}

/** One line about what is going on. On stderr: stdout is for the result. */
export function say(text) {
  process.stderr.write(`engine  ${text}\n`);
}

/** "4 min", "12.3 s". */
export function since(started) {
  const seconds = (performance.now() - started) / 1000;
  return seconds < 120 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds / 60)} min`;
}

/**
 * Runs a program to its end and resolves with how it ended and the last of what it wrote; it never rejects. With a
 * `title`, a run that takes long is shown as it goes. `killAfterMs` ends one that does not come back.
 */
export async function runProgram(command, args, { cwd, env, title, killAfterMs } = {}) {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let startError;
  const closed = new Promise((resolve) => {
    child.once('close', resolve);
    child.once('error', (error) => resolve((startError = error)));
  });
  tieToParent(child);
  const stdout = keepTail(child.stdout);
  const stderr = keepTail(child.stderr);

  let shown = false;
  const timers = [];
  if (title !== undefined) {
    const show = () => {
      say(`${title}: still at work after ${SHOW_OUTPUT_AFTER_MS / 1000} s; its output:`);
      process.stderr.write(stdout() + stderr());
      shown = true;
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => process.stderr.write(text));
    };
    timers.push(setTimeout(show, SHOW_OUTPUT_AFTER_MS));
  }
  if (killAfterMs !== undefined) timers.push(setTimeout(() => child.kill('SIGKILL'), killAfterMs));
  await closed;
  const { code, signal } = await exitOf(child);
  for (const timer of timers) clearTimeout(timer);
  return {
    ok: code === 0 && startError === undefined,
    how: startError ? `could not be started (${startError.message})` : endOf(code, signal),
    stdout: stdout(),
    stderr: stderr(),
    shown,
  };
}

function endOf(code, signal) {
  return signal ? `was ended by ${signal}` : `exited with ${code}`;
}

/** Shows what a failed program wrote, unless it was shown as it came. */
export function showOutput({ stdout, stderr, shown }) {
  const text = `${stdout}${stderr}`.trimEnd();
  if (text && !shown) process.stderr.write(`${text}\n`);
}
