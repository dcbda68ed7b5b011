import { fileURLToPath } from 'node:url';
import { Backbone } from './backbone/backbone.js';
import { loadConfig, type Config } from './config/config.js';
import { demandAuth } from './config/auth.js';
import { readEnv, type Env } from './config/env.js';
import { asCairnError } from './errors.js';
import { Logger } from './logger.js';
import { chooseDefaultModel, useDefaultModel } from './spec/default-model.js';
import { Supervisor, workerPerDevice } from './supervisor.js';
import { logWeights } from './start/log-weights.js';
import { share, type Stop } from './start/shared.js';
import { startApi } from './start/start-api.js';
import {
  MAX_HUNG_THREADS,
  startMetrics,
  startWorker,
  type MakeBackbone,
  type WorkerBackbone,
} from './start/start-worker.js';

/** Beyond the time that jobs have to finish. */
const EXIT_GRACE_MS = 10_000;
/** The supervisor's timeout exceeds the child's own by this margin. */
const SUPERVISOR_MARGIN_MS = 2000;
const MAIN = fileURLToPath(new URL('./main.js', import.meta.url));

/**
 * Starts what ROLE asks for and stops it on SIGTERM or SIGINT, the worker once its jobs are done. With CAIRN_DEVICES the jobs
 * are done by child processes, one per device, which this process supervises.
 *
 * `makeBackbone` makes the backbone of a worker in this process; benchmarks replace it.
 *
 * @throws CairnError when something does not start; what had started is stopped then.
 */
export async function run(
  overrides: Record<string, string> = {},
  makeBackbone: MakeBackbone = (options) => new Backbone(options),
): Promise<void> {
  const env = { ...readEnv(), ...overrides };
  const config = loadConfig(env);
  if (config.role !== 'worker') demandAuth(config);
  const logger = new Logger({
    context: ['cairn', config.workerName].filter(Boolean).join(' '),
    json: config.logJson,
    colors: process.stdout.isTTY && env['NO_COLOR'] === undefined,
  });
  const shared = await share(config, logger);
  const supervises = config.role !== 'api' && config.devices.length > 0;
  const stops: Stop[] = [];

  let backbone: WorkerBackbone | undefined;
  const exit = (status: number) => {
    // A process that exits waits for its threads, and those that hang in a native library do not end.
    if ((backbone?.unended ?? 0) > 0) process.kill(process.pid, 'SIGKILL');
    process.exit(status);
  };
  let stopping: Promise<void> | undefined;
  const stopAll = (reason: string, status = 0) => {
    stopping ??= (async () => {
      logger.log(`${reason}: finishing running jobs`);
      // A slow download must not keep the process alive.
      const graceMs = EXIT_GRACE_MS + (supervises ? 2 * SUPERVISOR_MARGIN_MS : 0);
      setTimeout(() => exit(1), config.worker.drainTimeoutMs + graceMs).unref();
      await stopEach(stops, logger);
      logger.log('stopped');
      // Everything is closed by now, but a connection that still looks for its Redis would keep the process alive.
      exit(status);
    })();
  };
  process.on('SIGTERM', () => stopAll('SIGTERM')).on('SIGINT', () => stopAll('SIGINT'));
  const onHang = (unended: number) => {
    logger.error(`the engine hangs: its thread is replaced, and its sessions are compiled again`);
    if (unended >= MAX_HUNG_THREADS) stopAll(`${unended} threads of the engine hang`, 1);
  };
  if (config.workerName !== undefined) whenAbandoned(() => stopAll('the supervisor is gone'));

  try {
    // Under a supervisor, the supervisor has logged this already.
    if (config.workerName === undefined) {
      useDefaultModel(await chooseDefaultModel(config.defaultModel, config.weightsDir));
      await logWeights(config, logger);
    }
    if (config.role !== 'worker') await startApi(config, shared, stops);
    if (supervises) stops.push(startSupervisor(config, env, logger));
    else if (config.role !== 'api') {
      // Another process may have the device back: the supervisor, or what runs the container, starts one.
      const onDeviceLost = (reason: string) => {
        logger.error(reason);
        stopAll('the device is lost', 1);
      };
      backbone = makeBackbone({ ...config.backbone, onHang, onDeviceLost });
      await startWorker(config, backbone, shared, stops);
    }
    if (config.role === 'worker' && !supervises)
      await startMetrics(config, shared, () => (backbone?.unended ?? 0) === 0, stops);
  } catch (error) {
    await stopEach(stops, logger);
    throw error;
  }
}

/** Stops everything, in rounds: parts that were just starting may have been added meanwhile. */
async function stopEach(stops: Stop[], logger: Logger): Promise<void> {
  while (stops.length > 0) {
    const results = await Promise.allSettled(stops.splice(0).map((stop) => stop()));
    for (const { reason } of results.filter((result) => result.status === 'rejected')) {
      logger.error(asCairnError(reason).message);
    }
  }
}

/** Calls back when the parent process, connected by an IPC channel, has ended, even if before this call. */
function whenAbandoned(callback: () => void): void {
  if ((process.connected as boolean | undefined) === false) callback();
  else process.once('disconnect', callback);
}

function startSupervisor(config: Config, env: Env, log: Logger): Stop {
  const supervisor = new Supervisor({
    command: [process.execPath, ...process.execArgv, MAIN],
    children: workerPerDevice(config.devices, env),
    // A worker that hangs ends itself; one that cannot is killed.
    killAfterMs: config.worker.drainTimeoutMs + EXIT_GRACE_MS + SUPERVISOR_MARGIN_MS,
    log,
  });
  supervisor.start();
  return () => supervisor.stop();
}
