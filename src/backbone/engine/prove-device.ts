import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What came of running a small network on a device. */
export type Proof =
  | { readonly proven: true; /** Largest difference from the CPU, over the largest value. */ readonly error: number }
  | { readonly proven: false; readonly reason: string };

/** Drivers that start for the first time, and libraries of a gigabyte, take their time. */
const PATIENCE_MS = 120_000;
const CHILD = fileURLToPath(new URL('./prove-child.js', import.meta.url));

/**
 * Runs a network for real on a device and compares what comes out: that a device is listed says
 * nothing. In a process of its own, as a driver that fails may take its process along.
 */
export function proveDevice(engine: string, device: string): Promise<Proof> {
  return new Promise((resolve) => {
    const child = fork(CHILD, [engine, device], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], timeout: PATIENCE_MS });
    let proof: Proof | undefined;
    let said = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-2000);
    });
    child.on('message', (message) => {
      proof = message as Proof;
    });
    child.on('error', (error) => resolve({ proven: false, reason: error.message }));
    child.on('exit', (status, signal) => {
      const last = said.trim().split('\n').at(-1) ?? '';
      resolve(proof ?? { proven: false, reason: `the trial run ended with ${signal ?? `status ${status}`}: ${last}` });
    });
  });
}
