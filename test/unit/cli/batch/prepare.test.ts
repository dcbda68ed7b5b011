import { expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { InputLine } from '../../../../src/cli/batch/manifest-line.js';
import { prepareManifest } from '../../../../src/cli/batch/prepare.js';
import { Cairn } from '../../../../src/client/index.js';
import { CairnError } from '../../../../src/errors.js';
import { useHttpServers } from '../../../support/http-server.js';
import { useTempDirs } from '../../../support/temp-dir.js';

const makeFolder = useTempDirs();
const { serve } = useHttpServers();
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** A server that has the image "known" and takes all others but "refused". */
function imageServer(uploads: string[]): Promise<string> {
  return serve((request, response) => {
    if (request.method !== 'POST') {
      response.statusCode = request.url === '/livez' || request.url!.endsWith(sha256('known')) ? 200 : 404;
      response.end('{}');
      return;
    }
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      uploads.push(body);
      response.statusCode = body === 'refused' ? 503 : 201;
      response.end(JSON.stringify({ sha256: sha256(body) }));
    });
  });
}

async function prepare(lines: readonly InputLine[]) {
  const uploads: string[] = [];
  const { signal } = new AbortController();
  const manifest = join(await makeFolder(), 'manifest');
  const bad: unknown[] = [];
  const ready: boolean[] = [];
  // eslint-disable-next-line @typescript-eslint/require-await -- an input
  const input = async function* () {
    yield* lines;
  };
  const prepared = await prepareManifest(input, manifest, {
    client: new Cairn(await imageServer(uploads), { signal, retry: { limitMs: 0 } }),
    concurrency: 2,
    signal,
    onBadLine: ({ line, error: { code } }) => bad.push([line, code]),
    onReady: (uploaded) => ready.push(uploaded),
  });
  const text = await readFile(manifest, 'utf8');
  expect(prepared.sha256).toBe(sha256(text));
  return { ...prepared, lines: text.split('\n'), bad, ready, uploads };
}

const bad = (line: number): InputLine => {
  return { line, name: undefined, error: new CairnError('request-malformed', 'Bad.') };
};
const url = (line: number): InputLine => {
  return { line, name: `n${line}`, source: { url: 'http://h/a.jpg' }, options: { size: 64, levels: ['C4'] } };
};

test.each([[[1, 2, 3]], [[2]], [[1, 2, 5, 6, 9]], [[4, 5, 7, 8, 9, 100]]])(
  'lines %j keep their numbers, whether those between them are bad or empty',
  async (numbers) => {
    const between = Array.from({ length: 120 }, (_, i) => i + 1).filter((line) => !numbers.includes(line));
    for (const others of [[], between]) {
      const all = [...numbers.map(url), ...others.map(bad)].sort((a, b) => a.line - b.line);
      const { lines, count, bad: reported } = await prepare(all);
      expect(count).toBe(numbers.length);
      expect(lines.flatMap((text, index) => (text === '' ? [] : [index + 1]))).toEqual(numbers);
      expect(reported).toEqual(others.map((line) => [line, 'request-malformed']));
    }
  },
);

test('images that the server does not have are uploaded; a line is its digest with sorted keys', async () => {
  const folder = await makeFolder();
  const entry = async (line: number, content: string): Promise<InputLine> => {
    const path = join(folder, `${line}`);
    await writeFile(path, content);
    return { line, name: `n${line}`, source: { path }, options: { size: 64, levels: ['C4'] } };
  };
  const all = [await entry(1, 'known'), await entry(2, 'fresh'), url(4)];
  const { lines, count, ready, uploads } = await prepare(all);
  expect([count, ready, uploads]).toEqual([3, [false, true, false], ['fresh']]);
  const line = (source: object, name: string) => JSON.stringify({ source, name, levels: ['C4'], size: 64 });
  expect(lines).toEqual([
    line({ sha256: sha256('known') }, 'n1'),
    line({ sha256: sha256('fresh') }, 'n2'),
    '',
    line({ url: 'http://h/a.jpg' }, 'n4'),
    '',
  ]);
});

test('a file that is missing, or that a living server refuses again and again, fails alone', async () => {
  const folder = await makeFolder();
  await writeFile(join(folder, 'refused'), 'refused');
  const path = (line: number, name: string): InputLine => {
    return { line, name, source: { path: join(folder, name) }, options: {} };
  };
  const { count, bad, uploads } = await prepare([path(1, 'refused'), path(2, 'missing'), url(3)]);
  expect(count).toBe(1);
  expect(bad).toEqual([
    [1, 'server-failed'],
    [2, 'image-missing'],
  ]);
  expect(uploads).toHaveLength(3);
});
