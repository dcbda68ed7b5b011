import { execFile } from 'node:child_process';
import { builtFile } from './fixtures.js';

export interface ScriptResult {
  /** Exit status; null when a signal ended the process. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ScriptOptions {
  /** Names to import from files of the build, such as `{ FileStore: 'features/store/file-store.js' }`. */
  readonly imports?: Readonly<Record<string, string>>;
  /** Handed to the script as `process.argv.slice(1)`. */
  readonly args?: readonly string[];
  /** What a file may grow to, in bytes: stands in for a disk that fills up. */
  readonly fileSizeLimit?: number;
  /** Flags of Node.js, such as a limit on its heap. */
  readonly flags?: readonly string[];
  readonly timeoutMs?: number;
}

/** Runs an ES module in a process of its own: for what ends processes, or must not. */
export function runScript(code: string, options: ScriptOptions = {}) {
  const { imports = {}, args = [], fileSizeLimit, flags = [], timeoutMs = 30_000 } = options;
  const head = Object.entries(imports).map(([name, file]) => `import { ${name} } from '${builtFile(file).href}';`);
  const command = [process.execPath, ...flags, '--input-type=module', '--eval', [...head, code].join('\n'), ...args];
  // The unit is 512 bytes by the standard; some shells take 1024.
  const limit = fileSizeLimit === undefined ? 'unlimited' : String(fileSizeLimit / 512);
  const shell = ['-c', `ulimit -f ${limit}; exec "$@"`, 'sh', ...command];
  return new Promise<ScriptResult>((resolve) => {
    const env = { ...process.env, NODE_OPTIONS: '' };
    const child = execFile('/bin/sh', shell, { env, timeout: timeoutMs }, (_, stdout, stderr) =>
      resolve({ status: child.exitCode, stdout, stderr }),
    );
  });
}
