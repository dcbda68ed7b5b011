import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The outcome of running a small network on a device. */
export type ProbeResult =
  | { readonly proven: true; /** Largest difference from the CPU, over the largest value. */ readonly error: number }
  | { readonly proven: false; readonly reason: string };

/** The first start of a driver, and loading libraries of a gigabyte, is slow. */
const TIMEOUT_MS = 120_000;
const CHILD = fileURLToPath(new URL('./probe-child.js', import.meta.url));

/**
 * Runs a network on a device and compares the result with the reference device: a listed device may not
 * work. In a child process, since a failing driver may crash its process.
 */
export function probeDevice(engine: string, device: string): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const child = fork(CHILD, [engine, device], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], timeout: TIMEOUT_MS });
    let result: ProbeResult | undefined;
    let output = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-2000);
    });
    child.on('message', (message) => {
      result = message as ProbeResult;
    });
    child.on('error', (error) => resolve({ proven: false, reason: error.message }));
    child.on('exit', (status, signal) => {
      const last = output.trim().split('\n').at(-1) ?? '';
      resolve(result ?? { proven: false, reason: `the trial run ended with ${signal ?? `status ${status}`}: ${last}` });
    });
  });
}
