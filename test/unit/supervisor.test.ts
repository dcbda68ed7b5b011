import { afterEach, describe, expect, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Supervisor, workerPerDevice, type SupervisorOptions } from '../../src/supervisor.js';
import { runScript } from '../support/run-script.js';
import { useTempDirs } from '../support/temp-dir.js';
import { until } from '../integration/support/service.js';

const tempDir = useTempDirs();

/** In order. */
let logged: string[] = [];
const log = { log: (message: string) => logged.push(message), warn: (message: string) => logged.push(message) };

const started: Supervisor[] = [];
afterEach(async () => {
  for (const supervisor of started.splice(0)) await supervisor.stop();
  logged = [];
});

/** Keeps one process that runs `script`, unless `options` say otherwise; delays are short. */
function supervise(script: string, options: Partial<SupervisorOptions> = {}): Supervisor {
  const supervisor = new Supervisor({
    command: [process.execPath, '--input-type=commonjs', '--eval', script],
    children: [{ name: 'one', env: { PATH: process.env['PATH'] } }],
    killAfterMs: 30_000,
    firstDelayMs: 40,
    maxDelayMs: 160,
    healthyMs: 600_000,
    log,
    ...options,
  });
  started.push(supervisor);
  supervisor.start();
  return supervisor;
}

/** Process ids from the log, oldest first. */
const pids = () => logged.flatMap((line) => /is process (\d+)/.exec(line)?.[1] ?? []).map(Number);

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const STAYS = 'setInterval(() => undefined, 1000)';
/** Code that writes to a file once signals are handled: an earlier signal would end the process. */
const heard = (file: string) => `require('node:fs').appendFileSync(${JSON.stringify(file)}, process.pid + '\\n');`;
const linesOf = async (file: string) => (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean);

describe('Supervisor', () => {
  test('one that dies is started again, after delays that grow to a limit', async () => {
    const begun = performance.now();
    supervise('process.exit(3)');
    await until(() => pids().length >= 6);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(40 + 80 + 160 + 160 + 160);
    expect(logged.filter((line) => line.includes('restarting')).slice(0, 5)).toEqual(
      [0.04, 0.08, 0.16, 0.16, 0.16].map((delay) => `one ended with status 3; restarting in ${delay} s`),
    );
    expect(new Set(pids()).size).toBe(pids().length);
  });

  test('after a healthy life the delay is the first one again', async () => {
    supervise('setTimeout(() => process.exit(0), 100)', { healthyMs: 50 });
    await until(() => pids().length >= 4);
    for (const line of logged.filter((line) => line.includes('restarting')))
      expect(line).toContain('restarting in 0.04 s');
  });

  test('one that is killed comes back; the other does not notice', async () => {
    const children = ['one', 'other'].map((name) => ({ name, env: {} }));
    supervise(STAYS, { children });
    const [one, other] = pids();
    process.kill(one!, 'SIGKILL');
    await until(() => pids().length === 3);
    expect(logged).toContain('one was ended by SIGKILL; restarting in 0.04 s');
    expect([isAlive(one!), isAlive(other!), isAlive(pids()[2]!)]).toEqual([false, true, true]);
  });

  test('a program that is not there is tried again, and stopping ends the trying', async () => {
    const supervisor = supervise('', { command: ['/nowhere/program'] });
    await until(() => logged.length >= 2);
    expect(logged[0]).toMatch(/^one did not start \(.*ENOENT.*\); restarting in 0\.04 s$/);
    await supervisor.stop();
    const { length } = logged;
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(logged).toHaveLength(length);
  });

  test('stopping lets each finish what it does, and starts nothing again', async () => {
    const file = join(await tempDir(), 'heard');
    const drains = `process.on('SIGTERM', () => setTimeout(() => { ${heard(file)} process.exit(0); }, 300)); ${STAYS}; ${heard(file)}`;
    const supervisor = supervise(drains, { children: ['one', 'other'].map((name) => ({ name, env: {} })) });
    await until(async () => (await linesOf(file)).length === 2);
    await supervisor.stop();
    // Each wrote once when it was ready, and once when it was done.
    expect((await linesOf(file)).map(Number).sort()).toEqual([...pids(), ...pids()].sort());
    expect(pids().map(isAlive)).toEqual([false, false]);
    expect(logged.filter((line) => line.includes('restarting') || line.includes('killed'))).toEqual([]);
    await supervisor.stop();
  });

  test('one that ignores SIGTERM is killed when patience is over', async () => {
    const file = join(await tempDir(), 'heard');
    const supervisor = supervise(`process.on('SIGTERM', () => undefined); ${STAYS}; ${heard(file)}`, {
      killAfterMs: 200,
    });
    await until(async () => (await linesOf(file)).length === 1);
    await supervisor.stop();
    expect(logged.at(-1)).toBe('one did not stop and is killed');
    expect(isAlive(pids()[0]!)).toBe(false);
  });

  test('stopping during the pause before a restart does not wait for it', async () => {
    const supervisor = supervise('process.exit(1)', { firstDelayMs: 600_000, maxDelayMs: 600_000 });
    await until(() => logged.some((line) => line.includes('restarting')));
    await supervisor.stop();
    expect(pids()).toHaveLength(1);
  });

  test('each has its own environment and nothing of that of this process', async () => {
    const file = join(await tempDir(), 'environments');
    const write = `require('node:fs').appendFileSync(${JSON.stringify(file)}, JSON.stringify(process.env) + '\\n'); ${STAYS}`;
    const children = ['a', 'b'].map((MARK) => ({ name: MARK, env: { MARK } }));
    supervise(write, { children });
    await until(async () => (await linesOf(file)).length === 2);
    const environments = (await linesOf(file)).map((line) => JSON.parse(line) as Record<string, string>);
    expect(environments.map((env) => env['MARK']).sort()).toEqual(['a', 'b']);
    for (const env of environments) expect(env['PATH']).toBeUndefined();
  });

  test('a process learns that the one that kept it has died', async () => {
    const file = join(await tempDir(), 'heard');
    // It says when it is ready and when its channel breaks.
    const child = `process.on('disconnect', () => { ${heard(file)} process.exit(0); }); ${heard(file)}`;
    const command = JSON.stringify([process.execPath, '--input-type=commonjs', '--eval', child]);
    const keeper = `
      const log = { log() {}, warn() {} };
      new Supervisor({ command: ${command}, children: [{ name: 'one', env: {} }], killAfterMs: 1000, log }).start();
      const { readFileSync, existsSync } = await import('node:fs');
      setInterval(() => existsSync(${JSON.stringify(file)}) && process.kill(process.pid, 'SIGKILL'), 20);`;
    const { status } = await runScript(keeper, { imports: { Supervisor: 'supervisor.js' } });
    expect(status).toBeNull();
    await until(async () => (await linesOf(file)).length === 2);
    const [pid] = (await linesOf(file)).map(Number);
    await until(() => !isAlive(pid!));
  });
});

describe('workerPerDevice', () => {
  const env = { ROLE: 'all', PORT: '1', CAIRN_DEVICES: '1,GPU-5f' };
  const visibleTo = (devices: readonly string[], given: Record<string, string>) =>
    workerPerDevice(devices, { ...env, ...given }).map(({ env }) => [
      env['CUDA_VISIBLE_DEVICES'],
      env['HIP_VISIBLE_DEVICES'],
    ]);

  test('each device gets a worker that sees it alone', () => {
    const worker = (device: string) => ({
      name: `worker ${device}`,
      env: {
        ROLE: 'worker',
        PORT: '1',
        CUDA_VISIBLE_DEVICES: device,
        HIP_VISIBLE_DEVICES: device,
        CAIRN_WORKER_NAME: `worker ${device}`,
      },
    });
    expect(workerPerDevice(['1', 'GPU-5f'], env)).toEqual([worker('1'), worker('GPU-5f')]);
  });

  test('indices count the devices that the process may use itself; ids stay', () => {
    const slurm = { CUDA_VISIBLE_DEVICES: '2,3' };
    expect(visibleTo(['0', '1', 'GPU-5f'], slurm)).toEqual([
      ['2', '0'],
      ['3', '1'],
      ['GPU-5f', 'GPU-5f'],
    ]);
    expect(visibleTo(['1'], { HIP_VISIBLE_DEVICES: '4, 6' })).toEqual([['1', '6']]);
  });

  test.each(['2,3', '', '7'])('an index beyond CUDA_VISIBLE_DEVICES=%j is refused', (listed) => {
    expect(() => workerPerDevice(['2'], { ...env, CUDA_VISIBLE_DEVICES: listed })).toThrow(
      expect.objectContaining({ code: 'option-invalid' }),
    );
  });
});

test('workers of one supervisor serve their metrics on ports in a row', () => {
  const ports = (port: string) =>
    workerPerDevice(['0', '1'], { CAIRN_METRICS_PORT: port }).map(({ env }) => env['CAIRN_METRICS_PORT']);
  expect([ports('9100'), ports('0')]).toEqual([
    ['9100', '9101'],
    ['0', '0'],
  ]);
});
