import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';

/** Fields of `/proc/<pid>/stat` after the name, which is in parentheses and may contain spaces. */
const USER_TIME = 11;
const SYSTEM_TIME = 12;

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** Seconds of processor time that a process has used so far, and those of its first thread: the event loop of Node.js. */
export interface ProcessorTime {
  readonly all: number;
  readonly main: number;
}

export async function processorTime(pid: number): Promise<ProcessorTime> {
  const [all, main] = await Promise.all([secondsIn(`/proc/${pid}/stat`), secondsIn(`/proc/${pid}/task/${pid}/stat`)]);
  return { all, main };
}

async function secondsIn(path: string): Promise<number> {
  const stat = await readFile(path, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[USER_TIME]) + Number(fields[SYSTEM_TIME])) / ticksPerSecond;
}
