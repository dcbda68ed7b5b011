// What the engine commands share: failures that name their step, and proofs in a child process.
import { reporter, runProgram } from '../process/program.mjs';

export const say = reporter('engine');

/** Matches the output of a program that could not reach a server. */
export const NO_NETWORK =
  /getaddrinfo|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|socket hang up/;

/** `step` went wrong: what happened, and the remedy. */
export class StepFailed extends Error {
  constructor(step, what, remedy) {
    super([`${step} failed: ${what}`, remedy].filter(Boolean).join('\n'));
    this.step = step;
  }
}

/**
 * Runs a proof in its own process, which a library or driver that does not fit may crash. Resolves with the last line of
 * JSON that it printed as `found`, how it ended as in `runProgram`, and `crash`: the end of a process that could not
 * report its own failure.
 */
export async function runProof(script, args, { title, env, killAfterMs }) {
  const run = await runProgram(process.execPath, [script, ...args], {
    say,
    title,
    killAfterMs,
    env: { NODE_OPTIONS: '', ...env },
  });
  const crash = run.ok || run.how === 'exited with 1' ? undefined : `the process ${run.how}`;
  return { ...run, crash, found: lastJson(run.stdout) };
}

/** The last line of a program's output as JSON; `{}` where it is none. */
export function lastJson(output) {
  try {
    return JSON.parse(output.trim().split('\n').at(-1));
  } catch {
    return {};
  }
}
