// One step of the setup: a command whose output matters only when it fails or takes long.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SHOW_OUTPUT_AFTER_MS = 30_000;

/** One line about what setup does. On stderr: a script's stdout is for its result. */
export function say(text) {
  process.stderr.write(`setup  ${text}\n`);
}

/** Runs a command in the repository's root; throws, with its output shown, when it fails. */
export function runStep(title, command, args, { env } = {}) {
  const started = performance.now();
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32' && command === 'npm', // npm is a .cmd file there
    });
    const held = [];
    let live = false;
    const goLive = () => {
      if (live) return;
      live = true;
      process.stderr.write(Buffer.concat(held));
    };
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => (live ? process.stderr.write(chunk) : held.push(chunk)));
    }
    const slow = setTimeout(() => {
      say(`${title}: still running after ${seconds()}; its output:`);
      goLive();
    }, SHOW_OUTPUT_AFTER_MS);
    const words = [command, ...args].join(' ');

    child.once('error', (error) => {
      clearTimeout(slow);
      reject(new Error(`${title} failed: \`${words}\` could not be started (${error.message})`));
    });
    child.once('close', (code, signal) => {
      clearTimeout(slow);
      if (code === 0) {
        say(`${title}: done in ${seconds()}`);
        resolve();
        return;
      }
      goLive();
      const how = signal ? `was ended by ${signal}` : `exited with ${code}`;
      reject(new Error(`${title} failed: \`${words}\` ${how} after ${seconds()}; its output is above.`));
    });
  });
}

/** Runs npm; the one that runs this script, where one does. */
export function runNpm(title, args, options) {
  const cli = process.env.npm_execpath;
  return cli && /npm-cli\.[cm]?js$/.test(cli)
    ? runStep(title, process.execPath, [cli, ...args], options)
    : runStep(title, 'npm', args, options);
}
