import { expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { builtFile } from '../support/fixtures.js';
import { useTempDirs } from '../support/temp-dir.js';

const tempDir = useTempDirs();

test.each(['api', 'all'])(
  'a port that is taken ends `cairn serve --role %s` with a message and status 1',
  async (role) => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    // Nobody listens on port 1: what looks for a Redis must not keep the process either.
    const env = { PATH: process.env['PATH'], REDIS_URL: 'redis://127.0.0.1:1', CAIRN_DATA_DIR: await tempDir() };
    const args = [builtFile('cli/cairn.js').pathname, 'serve', '--role', role, '--port', String(port)];
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: 45_000 });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdout.resume();
    expect(await once(child, 'exit')).toEqual([1, null]);
    expect(stderr).toContain(`cairn: Port ${port} on 127.0.0.1 is in use. [option-invalid]`);
    taken.close();
  },
);
