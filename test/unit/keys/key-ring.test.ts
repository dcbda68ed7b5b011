import { afterEach, expect, test } from '@jest/globals';
import { chmod, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_FILE_BYTES } from '../../../src/keys/key-file.js';
import { KeyRing } from '../../../src/keys/key-ring.js';
import { createSecret, digestOf } from '../../../src/keys/secret.js';
import { until } from '../../integration/support/service.js';
import { useTempDirs } from '../../support/temp-dir.js';

const tempDir = useTempDirs();
const rings: KeyRing[] = [];
let lines: string[] = [];
const log = { log: (line: string) => void lines.push(line), warn: (line: string) => void lines.push(`! ${line}`) };

afterEach(() => {
  for (const ring of rings.splice(0)) ring.close();
  lines = [];
});

const lineOf = (name: string, secret: string, rest = 'read') =>
  `${name} sha256:${digestOf(secret).toString('hex')} ${rest}\n`;

async function openRing(text: string) {
  const file = join(await tempDir(), 'keys');
  await writeFile(file, text, { mode: 0o600 });
  const ring = await KeyRing.open(file, log, 10);
  rings.push(ring);
  return { ring, file };
}

test('finds the key of a secret, and of nothing else', async () => {
  const [a, b] = [createSecret(), createSecret()];
  const { ring } = await openRing(lineOf('a', a) + lineOf('b', b, 'admin jobs=3'));
  expect(ring.find(a)).toMatchObject({ name: 'a', scopes: new Set(['read']) });
  expect(ring.find(b)).toMatchObject({ name: 'b', quotas: { jobs: 3 } });
  for (const text of [
    '',
    createSecret(),
    digestOf(a).toString('hex'),
    a.slice(0, -1),
    `${a} `,
    'x'.repeat(1 << 20),
    '🗝',
  ])
    expect(ring.find(text)).toBeUndefined();
});

test('follows the file: a revoked key ends, a new one begins, whether the file is written or replaced', async () => {
  const [a, b] = [createSecret(), createSecret()];
  const { ring, file } = await openRing(lineOf('a', a));
  await writeFile(file, lineOf('b', b));
  await until(() => ring.find(a) === undefined && ring.find(b) !== undefined);
  await writeFile(`${file}.new`, lineOf('a', a));
  await rename(`${file}.new`, file);
  await until(() => ring.find(a) !== undefined && ring.find(b) === undefined);
});

test('keeps its keys while the file is away, and says so once', async () => {
  const a = createSecret();
  const { ring, file } = await openRing(lineOf('a', a));
  await rm(file);
  await until(() => lines.some((line) => line.includes('its last keys stay valid')));
  expect(ring.find(a)).toBeDefined();
  await writeFile(file, '# none\n');
  await until(() => ring.find(a) === undefined);
  expect(lines.filter((line) => line.includes('stay valid'))).toHaveLength(1);
  expect(lines.at(-1)).toMatch(/there is no API key: every request is refused/);
});

test('names damaged lines and what others may change, and no secret', async () => {
  const { ring, file } = await openRing(`a ${createSecret()} read\n${lineOf('b', 'x')}`);
  expect(ring.size).toBe(1);
  expect(lines).toEqual([
    expect.stringMatching(/^! .*, line 1, gives nobody access: the digest/),
    expect.stringMatching(/^1 API key in/),
  ]);
  expect(lines.join()).not.toMatch(/cairn_/);
  await chmod(file, 0o666);
  await until(() => lines.some((line) => line.includes('chmod 600')));
});

test('a file that is missing, or too large, is refused at the start', async () => {
  const folder = await tempDir();
  await expect(KeyRing.open(join(folder, 'none'), log)).rejects.toMatchObject({
    code: 'option-invalid',
    message: expect.stringMatching(/^CAIRN_API_KEYS_FILE: .* cannot be read: ENOENT\.$/),
  });
  await writeFile(join(folder, 'large'), '#'.repeat(MAX_FILE_BYTES + 1));
  await expect(KeyRing.open(join(folder, 'large'), log)).rejects.toThrow(/more than/);
});
