import type { Redis } from 'ioredis';
import type { Log } from '../log.js';

/** What a power cut or a restart costs a Redis with these settings, as a sentence. */
const LOSSES: readonly (readonly [string, string, string])[] = [
  ['appendonly', 'no', 'keeps no append-only file, so accepted jobs are lost when it restarts'],
  ['appendfsync', 'everysec', 'syncs once a second, so a power cut loses the jobs accepted in the last second'],
  ['appendfsync', 'no', 'leaves syncing to the system, so a power cut loses the jobs accepted since'],
];

/**
 * Logs once, when the connection is ready, what its Redis may lose of the jobs it has accepted. Silent where the user of the
 * connection may not read the configuration, as at most hosted services.
 */
export function warnOfLosses(redis: Redis, log: Log): void {
  redis.once('ready', () => {
    readLoss(redis)
      .then((loss) => {
        if (loss !== undefined) log.warn(`Redis ${loss} (docs/configuration.md, "Redis")`);
      })
      .catch(() => undefined);
  });
}

async function readLoss(redis: Redis): Promise<string | undefined> {
  const reply = await redis.config('GET', 'append*');
  const settings = new Map(reply.flatMap((name, at) => (at % 2 === 0 ? [[name, reply[at + 1]]] : [])));
  const found = LOSSES.find(([name, value]) => settings.get(name) === value);
  return found && `${found[2]} (${found[0]} ${found[1]})`;
}
