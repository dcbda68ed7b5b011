import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import { extractQueue } from '../../../src/jobs/extract-queue.js';
import { JobQueue } from '../../../src/jobs/queue.js';
import { RedisConnections } from '../../../src/redis/connections.js';
import { redisKeys } from '../../../src/redis/keys.js';
import { runScript } from '../../support/run-script.js';

/** A port on which no process listens. */
async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A limit of 1.5 s, with slack for a slow machine: the alternative is to wait for ever. */
const AT_ONCE_MS = 5000;

/** A queue with connections of its own. */
function open(redisUrl: string) {
  const connections = new RedisConnections(redisUrl);
  const redis = connections.failFast();
  const extract = extractQueue(redis, 'test');
  const queue = new JobQueue({ redis, queue: extract, keys: redisKeys('test'), limit: 10 });
  return {
    queue,
    close: async () => {
      await extract.close();
      connections.close();
    },
  };
}

let redisUrl: string;
beforeEach(async () => {
  redisUrl = `redis://127.0.0.1:${await unusedPort()}`;
});

describe('JobQueue while Redis is away', () => {
  let opened: ReturnType<typeof open>;
  beforeEach(() => {
    opened = open(redisUrl);
  });
  afterEach(() => opened.close());

  test.each([
    ['status', (queue: JobQueue) => queue.status(randomUUID())],
    ['cancel', (queue: JobQueue) => queue.cancel(randomUUID())],
    ['probe', (queue: JobQueue) => queue.probe()],
    ['workers', (queue: JobQueue) => queue.workers()],
  ])('%s says so at once', async (_, call) => {
    const begun = performance.now();
    await expect(call(opened.queue)).rejects.toMatchObject({ code: 'queue-unavailable', transient: true });
    expect(performance.now() - begun).toBeLessThan(AT_ONCE_MS);
  });

  test('closes, and may be closed twice', async () => {
    await opened.close();
    await expect(opened.close()).resolves.toBeUndefined();
  });
});

test('a Redis that takes the connection and then says nothing is as good as none', async () => {
  // It reads, so that its sockets close when the client's do.
  const silent = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
  await new Promise((resolve) => silent.once('listening', resolve));
  const { port } = silent.address() as AddressInfo;
  const { queue, close } = open(`redis://127.0.0.1:${port}`);
  try {
    const begun = performance.now();
    await expect(queue.probe()).rejects.toMatchObject({ code: 'queue-unavailable' });
    expect(performance.now() - begun).toBeLessThan(AT_ONCE_MS);
  } finally {
    await close();
    silent.close();
  }
});

// In a process of their own, since whether that process ends is the question.
describe('JobEvents while Redis is away', () => {
  const run = (script: string) =>
    runScript(
      `const connections = new RedisConnections(process.argv[1]);
       const events = new JobEvents(connections.patient(), 'test');
       setTimeout(() => process.exit(99), 5000).unref();
       ${script}`,
      {
        imports: { JobEvents: 'jobs/events.js', RedisConnections: 'redis/connections.js' },
        args: [redisUrl],
      },
    );

  test('followers of a job hear what is announced of it from the moment they follow, and of no other', async () => {
    const { stdout } = await run(
      `const stop = new AbortController();
       events.announce('1');
       const following = (async () => {
         for await (const event of events.follow('1', stop.signal)) console.log(event);
         console.log('ended');
       })();
       events.announce('2');
       events.announce('1');
       await new Promise((resolve) => setImmediate(resolve));
       stop.abort();
       await following;
       console.log((await events.follow('1', AbortSignal.abort()).next()).done);
       process.exit(0);`,
    );
    expect(stdout).toBe('state\nended\ntrue\n');
  });

  test('closing ends all that follow, and leaves nothing that keeps the process', async () => {
    const result = await run(
      `const next = events.follow('1', new AbortController().signal).next();
       await events.close();
       console.log((await next).done);
       await events.close();
       connections.close();
       connections.close();
       console.log('closed twice');`,
    );
    expect(result).toMatchObject({ stdout: 'true\nclosed twice\n', status: 0 });
  });
});
