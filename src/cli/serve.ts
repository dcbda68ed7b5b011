import { Command, Option } from 'commander';
import { describeError } from './output.js';

const ENVIRONMENT = `
Environment:
  REDIS_URL          the queue (default: redis://127.0.0.1:6379)
  CAIRN_STORE        images and features, shared by servers and workers: s3://bucket/prefix, or a folder
  CAIRN_DATA_DIR     that folder, where CAIRN_STORE is not set (default: .cairn/data)
  CAIRN_WEIGHTS_DIR  weights files (default: .cairn/weights)

docs/configuration.md lists all variables. \`npm start\` runs an API, a worker and a private Redis.`;

/** `cairn serve`: the HTTP API; with `--role all` also a worker, in the same process. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('serve the HTTP API; jobs wait for a `cairn worker` unless --role is all')
    .addOption(
      new Option('--role <role>', 'api: serve only; all: work on jobs in the same process')
        .choices(['api', 'all'])
        .default('api'),
    )
    .option('--host <address>', 'address to listen on (default: HOST, else 127.0.0.1)')
    .option('--port <number>', 'port to listen on (default: PORT, else 8080)')
    .addHelpText('after', ENVIRONMENT)
    .action(({ role, host, port }: { role: string; host?: string; port?: string }) => {
      if (role === 'api') {
        console.error('cairn: serving the API only: jobs wait for a `cairn worker` (or use --role all)');
      }
      return start({ ROLE: role, ...(host && { HOST: host }), ...(port && { PORT: port }) });
    });
}

/** `cairn worker`: takes jobs from the queue until it is stopped. */
export function workerCommand(): Command {
  return new Command('worker')
    .description('work on jobs from the queue')
    .addHelpText('after', ENVIRONMENT)
    .action(() => start({ ROLE: 'worker' }));
}

async function start(overrides: Record<string, string>): Promise<void> {
  try {
    // NestJS and its platform take half a second to load: only these commands need them.
    const { run } = await import('../run.js');
    await run(overrides);
  } catch (error) {
    console.error(`cairn: ${describeError(error)}`);
    // What was started before the failure, such as a connection to Redis, would keep the process alive.
    process.exit(1);
  }
}
