import { Command } from 'commander';

/** `cairn serve`: the HTTP API, with a worker in the same process unless `--role api` leaves that to others. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('serve the HTTP API (and work on its jobs, with --role all)')
    .option('--role <role>', 'api or all', 'api')
    .option('--host <address>', 'address to listen on')
    .option('--port <number>', 'port to listen on')
    .action(({ role, host, port }: { role: string; host?: string; port?: string }) =>
      start({ ROLE: role, ...(host && { HOST: host }), ...(port && { PORT: port }) }),
    );
}

/** `cairn worker`: takes jobs from the queue until it is told to stop. */
export function workerCommand(): Command {
  return new Command('worker').description('work on jobs from the queue').action(() => start({ ROLE: 'worker' }));
}

async function start(overrides: Record<string, string>): Promise<void> {
  // NestJS and its platform take half a second to load: only these commands need them.
  const { run } = await import('../run.js');
  await run(overrides);
}
