import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createServer, type AddressInfo } from 'node:net';
import { JobQueue } from '../../../src/jobs/queue.js';
import { runScript } from '../../support/run-script.js';

/** A port on which nobody listens. */
async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

let redisUrl: string;
beforeEach(async () => {
  redisUrl = `redis://127.0.0.1:${await unusedPort()}`;
});

describe('JobQueue while Redis is away', () => {
  let queue: JobQueue;
  beforeEach(() => {
    queue = new JobQueue({ redisUrl, prefix: 'test', limit: 10 });
  });
  afterEach(async () => {
    await queue.close();
  });

  test.each([
    ['status', () => queue.status('1')],
    ['cancel', () => queue.cancel('1')],
    ['ping', () => queue.ping()],
    ['workers', () => queue.workers()],
  ])('%s says so within two seconds', async (_, call) => {
    const begun = performance.now();
    await expect(call()).rejects.toMatchObject({ code: 'queue-unavailable', transient: true });
    expect(performance.now() - begun).toBeLessThan(2500);
  });

  test('closes, and may be closed twice', async () => {
    await queue.close();
    await expect(queue.close()).resolves.toBeUndefined();
  });
});

test('a Redis that takes the connection and then says nothing is as good as none', async () => {
  const silent = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => silent.once('listening', resolve));
  const { port } = silent.address() as AddressInfo;
  const queue = new JobQueue({ redisUrl: `redis://127.0.0.1:${port}`, prefix: 'test', limit: 10 });
  try {
    const begun = performance.now();
    await expect(queue.ping()).rejects.toMatchObject({ code: 'queue-unavailable' });
    expect(performance.now() - begun).toBeLessThan(2500);
  } finally {
    await queue.close();
    silent.close();
  }
});

// In a process of their own, since whether that process ends is the question.
describe('JobEvents while Redis is away', () => {
  const run = (script: string) =>
    runScript(
      `const events = new JobEvents(process.argv[1], 'test');
       setTimeout(() => process.exit(99), 5000).unref();
       ${script}`,
      { imports: { JobEvents: 'jobs/events.js' }, args: [redisUrl] },
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
       console.log('closed twice');`,
    );
    expect(result).toMatchObject({ stdout: 'true\nclosed twice\n', status: 0 });
  });
});
