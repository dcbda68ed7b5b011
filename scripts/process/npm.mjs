// The end of the npm that runs a script.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const LOOK_EVERY_MS = 1_000;
const SHELL = /^-?([abckz]|ba|da|tc|fi)?sh$/;

/**
 * Sends this process SIGTERM when the npm that runs it has ended, in whatever way: an npm that is killed takes nothing with
 * it. Returns the undo.
 */
export function endWithNpm() {
  if (process.env.npm_lifecycle_event === undefined || process.platform === 'win32') return () => {};
  const parent = process.ppid;
  const found = look(parent);
  // npm runs scripts through a shell, and some shells replace themselves by the command.
  const npm = found && SHELL.test(found.name) ? found.parent : undefined;
  const timer = setInterval(() => {
    // An orphan is adopted by another process at once.
    if (process.ppid === parent && (npm === undefined || look(parent)?.parent === npm)) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, LOOK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** The name and the parent of a process; undefined where they cannot be told. */
function look(pid) {
  try {
    // The second field is the name in parentheses, which may itself contain spaces and parentheses.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const end = stat.lastIndexOf(')');
    return { name: stat.slice(stat.indexOf('(') + 1, end), parent: Number(stat.slice(end + 2).split(' ')[1]) };
  } catch {
    const { stdout = '' } = spawnSync('ps', ['-o', 'ppid=,comm=', '-p', String(pid)], { encoding: 'utf8' });
    const [, parent, path] = /^\s*(\d+)\s+(.*)$/m.exec(stdout ?? '') ?? [];
    return parent === undefined ? undefined : { name: path.split('/').at(-1), parent: Number(parent) };
  }
}
