import { expect, test } from '@jest/globals';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SERVER_CODES } from '../../../../src/api/http/status.js';

const SRC = fileURLToPath(new URL('../../../../src/', import.meta.url));
/** Rooms that only the command line, or the setting up of the service, reaches. */
const ELSEWHERE = /^(cli|config|backbone\/weights\/download)\/|^backbone\/weights\/(download|published)\.ts$|^run\.ts$/;

test('every code that a room of the server throws has a status', async () => {
  const files = (await readdir(SRC, { recursive: true })).filter(
    (name) => name.endsWith('.ts') && !ELSEWHERE.test(name),
  );
  const sources = await Promise.all(files.map((name) => readFile(join(SRC, name), 'utf8')));
  const thrown = sources.flatMap((text) => [...text.matchAll(/CairnError\(\s*'([a-z-]+)'/g)].map(([, code]) => code!));
  expect(thrown.length).toBeGreaterThan(50);
  expect(new Set(thrown.filter((code) => !(SERVER_CODES as readonly string[]).includes(code)))).toEqual(new Set());
});
