import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { loadScript } from '../service.js';
import type { Running } from './contestant.js';

const GRACE_MS = 5000;

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a program outside the terminal's process group, so that Ctrl-C reaches the benchmark alone; it ends with it. */
export async function startProgram({ command, args, env }: Program) {
  const { keepTail, stopChild, tieToParent } =
    await loadScript<typeof import('../../scripts/process/children.mjs')>('process/children.mjs');
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    detached: process.platform !== 'win32',
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  tieToParent(child);
  child.stdin.on('error', () => undefined); // a program that has ended: `ended` reports it
  const said = keepTail(child.stderr);
  const ended = once(child, 'close').then(() => {
    throw new Error(`${command} ${args.join(' ')} ended.\n${said()}`);
  });
  ended.catch(() => undefined);
  return { child, ended, stop: () => stopChild(child, GRACE_MS) };
}

/** A program that does work by the line, as bench/peers/protocol.py defines. */
export async function startLineProcess(program: Program, archives: string): Promise<Running> {
  const { child, ended, stop } = await startProgram(program);
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    archives,
    pids: [child.pid!],
    stop,
    extract: async (images) => {
      child.stdin.write(`${JSON.stringify({ images, out: archives })}\n`);
      const answer = await Promise.race([answers.next(), ended]);
      if (answer.done) return ended;
      const { images: count } = JSON.parse(answer.value) as { images: number };
      if (count !== images.length) throw new Error(`${count} images of ${images.length} were answered.`);
    },
  };
}
