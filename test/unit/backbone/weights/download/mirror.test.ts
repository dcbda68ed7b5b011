import { beforeEach, describe, expect, test } from '@jest/globals';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { downloadWeights } from '../../../../../src/backbone/weights/download.js';
import { useHttpServers } from '../../../../support/http-server.js';
import { expectNoOpenFiles } from '../../../../support/open-files.js';
import { PUBLISHED_BYTES, publishedAt, sendPublished } from '../../../../support/published-file.js';
import { useTempDirs } from '../../../../support/temp-dir.js';

const tempDir = useTempDirs();
const { serve } = useHttpServers();
expectNoOpenFiles();

/** A mirror must never lead here: nothing listens at a name that cannot be resolved. */
const entry = publishedAt('https://publisher.invalid/v1/net_weights.h5');
const BY_NAME = 'net-imagenet.h5';
const AS_PUBLISHED = 'net_weights.h5';
const other = Buffer.from(PUBLISHED_BYTES).fill(1, 1000, 1001);

let mirror: string;
let target: string;
beforeEach(async () => {
  const folder = await tempDir();
  mirror = join(folder, 'mirror of weights');
  target = join(folder, 'weights', 'net-imagenet.h5');
  await mkdir(mirror);
});

const offer = (name: string, bytes: Uint8Array) => writeFile(join(mirror, name), bytes);
const pull = (from = mirror) => downloadWeights(entry, target, { mirror: from });
const files = () => readdir(join(target, '..'));

async function expectWhole() {
  expect(await files()).toEqual(['net-imagenet.h5']);
  expect((await readFile(target)).equals(PUBLISHED_BYTES)).toBe(true);
}

describe('a folder as a mirror', () => {
  test.each([
    ['the name of the catalogue', { [BY_NAME]: PUBLISHED_BYTES }],
    ['the name of the publisher', { [AS_PUBLISHED]: PUBLISHED_BYTES }],
    ['the first of both, unless it is another file', { [BY_NAME]: other, [AS_PUBLISHED]: PUBLISHED_BYTES }],
    ['the first of both, whatever the second is', { [BY_NAME]: PUBLISHED_BYTES, [AS_PUBLISHED]: Buffer.from('x') }],
  ])('has the file under %s', async (_, offered) => {
    for (const [name, bytes] of Object.entries(offered)) await offer(name, bytes);
    expect(await pull()).toBe(PUBLISHED_BYTES.length);
    await expectWhole();
  });

  test('may be a file URL', async () => {
    await offer(BY_NAME, PUBLISHED_BYTES);
    await pull(pathToFileURL(mirror).href);
    await expectWhole();
  });

  test('goes on with what was kept', async () => {
    await offer(BY_NAME, PUBLISHED_BYTES);
    await mkdir(join(target, '..'));
    await writeFile(`${target}.part`, PUBLISHED_BYTES.subarray(0, 1000));
    expect(await pull()).toBe(PUBLISHED_BYTES.length - 1000);
    await expectWhole();
  });

  test('without the file is all that is asked', async () => {
    const failure = {
      code: 'weights-unavailable',
      message: expect.stringMatching(/net-imagenet\.h5.*net_weights\.h5/),
    };
    await expect(pull()).rejects.toMatchObject(failure);
    await expect(pull(join(mirror, 'absent'))).rejects.toMatchObject(failure);
    await mkdir(join(mirror, BY_NAME));
    await expect(pull()).rejects.toMatchObject({ ...failure, message: expect.stringContaining('is not a file') });
    expect(await files()).toEqual([]);
  });

  test('with wrong files leaves nothing behind', async () => {
    await offer(BY_NAME, other);
    await expect(pull()).rejects.toMatchObject({ code: 'weights-checksum' });
    await offer(AS_PUBLISHED, Buffer.from('another network'));
    await expect(pull()).rejects.toMatchObject({ code: 'weights-checksum' });
    expect(await files()).toEqual([]);
  });
});

describe('a URL as a mirror', () => {
  test.each(['/weights', '/weights/'])('%s is asked for both names below it', async (path) => {
    const asked: string[] = [];
    const base = await serve((request, response) => {
      asked.push(request.url!);
      if (request.url!.endsWith(AS_PUBLISHED)) sendPublished(request, response);
      else response.writeHead(404).end();
    });
    await pull(base + path);
    expect(asked).toEqual([`/weights/${BY_NAME}`, `/weights/${AS_PUBLISHED}`]);
    await expectWhole();
  });

  test('is not asked again when it fails', async () => {
    let asked = 0;
    const base = await serve((_, response) => {
      asked++;
      response.writeHead(503).end();
    });
    await expect(pull(base)).rejects.toMatchObject({ code: 'weights-unreachable' });
    expect(asked).toBe(1);
  });

  test('may hold a name and password, which nobody is told', async () => {
    const seen: (string | undefined)[] = [];
    const base = await serve(({ headers }, response) => {
      seen.push(headers.authorization);
      response.writeHead(403).end();
    });
    const message = expect.not.stringMatching(/secret|p%40ss|p@ss/);
    await expect(pull(base.replace('//', '//secret:p%40ss@'))).rejects.toMatchObject({ message });
    expect(seen[0]).toBe(`Basic ${Buffer.from('secret:p@ss').toString('base64')}`);
  });
});

test.each(['s3://bucket/weights', 'http://', 'file://elsewhere/weights'])('%s is no mirror', async (text) => {
  await expect(pull(text)).rejects.toMatchObject({ code: 'option-invalid', message: expect.stringContaining(text) });
});
