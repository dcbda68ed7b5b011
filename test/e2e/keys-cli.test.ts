import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSecret } from '../../src/keys/secret.js';
import { startService, temporaryFolder, until } from '../integration/support/service.js';
import { runCli } from './support/run-cli.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let file: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  file = join(folder.path, 'api-keys');
});
afterEach(() => folder.remove());

const keys = (...args: string[]) => runCli(['keys', ...args], { env: { CAIRN_API_KEYS_FILE: file } });
const create = async (...args: string[]) => (await keys('create', ...args)).stdout.trim();

describe('cairn keys', () => {
  test('create prints the key once and keeps only its digest, in a file of its owner', async () => {
    const { stdout, stderr, status } = await keys('create', '--name', 'alice');
    expect(status).toBe(0);
    const secret = stdout.trim();
    expect(isSecret(secret)).toBe(true);
    expect(stderr).toMatch(/the only time that its key is shown/);
    const text = await readFile(file, 'utf8');
    expect(text).toMatch(/^#.*\nalice sha256:[0-9a-f]{64} read,submit\n$/);
    expect(text).not.toContain(secret);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test('create takes scopes and quotas, and answers programs in JSON', async () => {
    const quotas = ['--requests-per-second', '5', '--jobs', '10', '--bytes-per-day', '1000000'];
    const { stdout } = await keys('create', '--name', 'bob', '--scopes', 'read,admin', ...quotas, '--json');
    expect(JSON.parse(stdout)).toEqual({
      name: 'bob',
      scopes: ['read', 'admin'],
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      quotas: { 'requests-per-second': 5, jobs: 10, 'bytes-per-day': 1_000_000 },
      key: expect.stringMatching(/^cairn_/),
      file,
    });
    expect(await readFile(file, 'utf8')).toMatch(
      /bob sha256:\w+ read,admin requests-per-second=5 jobs=10 bytes-per-day=1000000\n$/,
    );
  });

  test('a name has one key, and during a rotation two', async () => {
    await create('--name', 'alice', '--scopes', 'read', '--jobs', '3');
    const again = await keys('create', '--name', 'alice');
    expect([again.status, again.stderr]).toEqual([1, expect.stringMatching(/There is a key "alice"; --rotate/)]);
    const second = await create('--name', 'alice', '--rotate');
    const lines = (await readFile(file, 'utf8')).trim().split('\n').slice(1);
    expect(lines).toEqual(Array(2).fill(expect.stringMatching(/^alice sha256:\w+ read jobs=3$/)));
    expect((await keys('revoke', 'alice', '--old')).stdout).toBe('1 key of alice revoked\n');
    expect((await readFile(file, 'utf8')).trim().split('\n').at(-1)).toBe(lines[1]);
    expect(isSecret(second)).toBe(true);
  });

  test('revoke leaves the other lines as they are, comments and damaged ones too', async () => {
    await writeFile(file, '# mine\nbroken line\n');
    await create('--name', 'alice');
    await create('--name', 'bob');
    expect((await keys('revoke', 'alice')).status).toBe(0);
    expect(await readFile(file, 'utf8')).toMatch(/^# mine\nbroken line\nbob sha256:\w+ read,submit\n$/);
    const gone = await keys('revoke', 'alice');
    expect([gone.status, gone.stderr]).toEqual([1, expect.stringMatching(/There is no key "alice"/)]);
  });

  test('list shows no secret, and names damaged lines', async () => {
    const secret = await create('--name', 'alice');
    await writeFile(file, `${await readFile(file, 'utf8')}bob ${secret} read\n`);
    const { stdout, stderr, status } = await keys('list');
    expect(stdout).toMatch(/^name +scopes +digest +quotas\n.*\nalice +read,submit +[0-9a-f]{12}\n$/);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/line 3: the digest after the name/)]);
    expect(stdout + stderr).not.toContain(secret);
    const json = JSON.parse((await keys('list', '--json')).stdout) as object;
    expect(json).toMatchObject({ keys: [{ name: 'alice' }], bad: [{ line: 3 }] });
  });

  test.each([
    [['create', '--name', '../x'], /--name: a name has/],
    [['create', '--name', 'a', '--scopes', 'write'], /--scopes: scopes are/],
    [['create', '--name', 'a', '--jobs', '0'], /--jobs must be a whole number from 1/],
    [['create', '--name', 'a', '--rotate'], /There is no key "a"/],
    [['create', '--name', 'a', '--rotate', '--jobs', '1'], /--rotate keeps the scopes/],
  ])('%j is refused', async (args, message) => {
    const { status, stderr } = await keys(...args);
    expect([status, stderr]).toEqual([1, expect.stringMatching(message)]);
  });

  test('needs a file', async () => {
    const { status, stderr } = await runCli(['keys', 'list']);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/--file or CAIRN_API_KEYS_FILE/)]);
  });
});

test('commands that speak to a server send CAIRN_API_KEY; a server follows `cairn keys`', async () => {
  const reading = await create('--name', 'reader', '--scopes', 'read');
  const service = await startService('api', {
    REDIS_URL: 'redis://127.0.0.1:1',
    CAIRN_DATA_DIR: folder.path,
    CAIRN_API_KEYS_FILE: file,
  });
  try {
    const ask = (env: Record<string, string>, ...args: string[]) =>
      runCli(['batch', ...args, '--server', service.url], { env });
    const id = '0'.repeat(32);
    expect((await ask({}, 'status', id)).stderr).toMatch(/\[key-missing\]/);
    expect((await ask({ CAIRN_API_KEY: 'cairn_wrong' }, 'status', id)).stderr).toMatch(/\[key-invalid\]/);
    // It gets past the key, to a Redis that is not there.
    expect((await ask({ CAIRN_API_KEY: reading }, 'status', id)).stderr).toMatch(/\[queue-unavailable\]/);
    expect((await ask({ CAIRN_API_KEY: reading }, 'cancel', id)).stderr).toMatch(/\[scope-missing\]/);
    // HEAD has no body to say so in.
    const upload = await ask({ CAIRN_API_KEY: reading }, 'submit', 'test/fixtures/images');
    expect([upload.status, upload.stderr]).toEqual([1, expect.stringMatching(/\[scope-missing\]/)]);
    await keys('revoke', 'reader');
    const url = `${service.url}/v1/models`;
    await until(async () => (await fetch(url, { headers: { 'x-api-key': reading } })).status === 401);
  } finally {
    await service.end();
  }
});
