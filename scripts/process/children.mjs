// Child processes that do not outlive their parent.
import { spawn } from 'node:child_process';

// Waits for its standard input to close, which the system does when the parent dies, in whatever way; then stops the
// child. `$0` is the child's process id.
const WATCHDOG = `read -r _
kill -TERM "$0" || exit 0
for _ in 1 2 3 4 5 6 7 8 9 10; do sleep 1; kill -0 "$0" || exit 0; done
kill -KILL "$0"`;

const tied = new Set();

/** One listener for all children: Node reports one listener per child as a leak from the eleventh on. */
function stopAll() {
  for (const child of tied) child.kill('SIGTERM');
}

/** Stops `child` when this process ends, even by SIGKILL or a crash (where there is a POSIX shell). */
export function tieToParent(child) {
  if (tied.size === 0) process.once('exit', stopAll);
  tied.add(child);
  child.once('exit', () => {
    tied.delete(child);
    if (tied.size === 0) process.removeListener('exit', stopAll);
  });
  if (process.platform === 'win32' || child.pid === undefined) return;

  const watchdog = spawn('/bin/sh', ['-c', WATCHDOG, String(child.pid)], {
    // Outside the terminal's foreground process group, which receives Ctrl-C as a whole.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watchdog.on('error', () => {}); // no /bin/sh: the `exit` listener above remains
  watchdog.stdin?.on('error', () => {}); // EPIPE when it is killed below
  watchdog.unref();
  watchdog.stdin?.unref();
  child.once('exit', () => watchdog.kill('SIGKILL'));
}

export function hasExited(child) {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
}

/** Resolves with `{ code, signal }` when the child has ended, at once if it already has. */
export function exitOf(child) {
  if (hasExited(child)) {
    return Promise.resolve({ code: child.exitCode, signal: child.signalCode });
  }
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}

/** Sends `signal`, then SIGKILL after `graceMs`. Resolves when the child is gone; safe to call again. */
export async function stopChild(child, graceMs, signal = 'SIGTERM') {
  if (hasExited(child)) return;
  const exited = exitOf(child);
  child.kill(signal);
  const force = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await exited;
  clearTimeout(force);
}

/** The exit code that a shell would report for a result of `exitOf`. */
export function shellCode({ code, signal }) {
  if (code !== null) return code;
  return 128 + ({ SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }[signal] ?? 1);
}

/** Keeps the last `limit` characters of a stream, for error messages. */
export function keepTail(stream, limit = 8_000) {
  let text = '';
  stream?.setEncoding('utf8');
  stream?.on('data', (chunk) => {
    text = (text + chunk).slice(-limit);
  });
  return () => text;
}
