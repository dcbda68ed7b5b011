// Programs whose output matters only when they fail or take long.
import { spawn } from 'node:child_process';

import { exitOf, keepTail, tieToParent } from './children.mjs';

const SHOW_OUTPUT_AFTER_MS = 30_000;
const KEEP_CHARACTERS = 64_000;

/** Prints lines of progress that begin with `topic`. On stderr: stdout is for results. */
export function reporter(topic) {
  return (text) => process.stderr.write(`${topic}  ${text}\n`);
}

/** "4 min", "12.3 s". */
export function since(started) {
  const seconds = (performance.now() - started) / 1000;
  return seconds < 120 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds / 60)} min`;
}

/**
 * Runs a program to its end and resolves with how it ended and the end of its output; it never rejects. With `say` and
 * a `title`, the output of a slow program is shown as it comes. `killAfterMs` limits its time.
 */
export async function runProgram(command, args, { cwd, env, shell, say, title, killAfterMs } = {}) {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    shell,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let startError;
  const closed = new Promise((resolve) => {
    child.once('close', resolve);
    child.once('error', (error) => resolve((startError = error)));
  });
  tieToParent(child);
  const stdout = keepTail(child.stdout, KEEP_CHARACTERS);
  const stderr = keepTail(child.stderr, KEEP_CHARACTERS);

  let shown = false;
  const timers = [];
  if (say && title) {
    const show = () => {
      say(`${title}: still running after ${SHOW_OUTPUT_AFTER_MS / 1000} s; its output:`);
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
  const end = signal ? `was ended by ${signal}` : `exited with ${code}`;
  return {
    ok: code === 0 && startError === undefined,
    how: startError ? `could not be started (${startError.message})` : end,
    stdout: stdout(),
    stderr: stderr(),
    shown,
  };
}

/** Shows the output of a failed program, unless it has been shown already. */
export function showOutput({ stdout, stderr, shown }) {
  const text = `${stdout}${stderr}`.trimEnd();
  if (text && !shown) process.stderr.write(`${text}\n`);
}
