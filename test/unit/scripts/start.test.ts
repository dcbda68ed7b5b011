import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { fileURLToPath } from 'node:url';

const START = fileURLToPath(new URL('../../../scripts/start.mjs', import.meta.url));

async function start(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [START, ...args], { env: { PATH: process.env['PATH'], ...env } });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text));
  }
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...output };
}

describe('npm start', () => {
  let server: Server;
  let port: number;
  beforeEach(async () => {
    server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });
  afterEach(() => {
    server.close();
  });

  test('prints its options when asked', async () => {
    expect(await start(['--help'])).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^npm start\n[^]*PORT[^]*REDIS_URL/),
      stderr: '',
    });
  });

  test.each([['--prot'], ['8081']])('refuses the argument %s', async (argument) => {
    const { code, stderr } = await start([argument]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(argument) });
  });

  test('fails at once where its port is in use, and suggests an unused one', async () => {
    const { code, stdout, stderr } = await start([], { PORT: String(port) });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.trim()).toMatch(
      new RegExp(`^Port ${port} of 127\\.0\\.0\\.1 is in use\\. Choose another one: {2}PORT=\\d+ npm start$`),
    );
  });

  test('fails at once where REDIS_URL cannot be reached: one message, without the password', async () => {
    server.close();
    await once(server, 'close');
    const env = { PORT: '0', REDIS_URL: `redis://user:secret@127.0.0.1:${port}/2` };
    const { code, stdout, stderr } = await start([], env);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.trim().split('\n')).toEqual([
      expect.stringContaining(
        `Redis at redis://127.0.0.1:${port}/2 (REDIS_URL) cannot be reached: connect ECONNREFUSED`,
      ),
    ]);
    expect(stderr).not.toContain('secret');
  });

  test.each(['localhost:6379', 'http://127.0.0.1'])('does not take %s for a REDIS_URL', async (url) => {
    const { code, stderr } = await start([], { PORT: '0', REDIS_URL: url });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/REDIS_URL must be a URL such as redis:/),
    });
  });
});
