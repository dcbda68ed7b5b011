import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The outcome of running a small network on a device. */
export type ProbeResult =
  | {
      readonly proven: true;
      /** Largest difference from the CPU, over the largest value. */
      readonly error: number;
      /** Run time over that of ONNX Runtime on the CPU, where it was asked for. */
      readonly timeOverCpu?: number;
    }
  | { readonly proven: false; readonly reason: string };

/** The first start of a driver, and loading libraries of a gigabyte, is slow. */
const TIMEOUT_MS = 120_000;
/** TensorRT compiles each network for minutes. */
const COMPILING_TIMEOUT_MS = 15 * 60_000;
const CHILD = fileURLToPath(new URL('./probe-child.js', import.meta.url));

/**
 * Runs networks on a device and compares the results with the reference device: a listed device may not
 * work. In a child process, since a failing driver may crash its process.
 */
export function probeDevice(engine: string, device: string, { timed = false } = {}): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const timeout = device === 'tensorrt' ? COMPILING_TIMEOUT_MS : TIMEOUT_MS;
    const child = fork(CHILD, [engine, device, ...(timed ? ['timed'] : [])], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      timeout,
    });
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
      const ended = `the test run ended with ${signal ?? `status ${status}`}: ${last}`;
      if (result?.proven) resolve(result);
      else resolve({ proven: false, reason: causeOf(result?.reason ?? ended, output) });
    });
  });
}

/**
 * The cause in what a failed run reported: ONNX Runtime names the libraries that it lacks on stderr only, and writes the failure of
 * CUDA behind the signature of a C++ function.
 */
export function causeOf(reason: string, output: string): string {
  const lacking = [...output.matchAll(/\b(lib[\w.+-]+\.so[\d.]*): cannot open shared object file/g)].map(
    ([, name]) => name!,
  );
  if (lacking.length > 0) return `it lacks ${[...new Set(lacking)].join(', ')}`;
  return /CUDA (?:failure|error) \d+: [^;]+/.exec(reason)?.[0].trim() ?? reason;
}
