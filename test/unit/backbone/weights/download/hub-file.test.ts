import { describe, expect, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { downloadWeights } from '../../../../../src/backbone/weights/download.js';
import {
  hubReferenceOf,
  parseHubReference,
  resolveHubFile,
} from '../../../../../src/backbone/weights/download/hub-file.js';
import { findPublished } from '../../../../../src/backbone/weights/published.js';
import { useHttpServers } from '../../../../support/http-server.js';
import { fileServer, hub, HUB_COMMIT, HUB_SHA256, type HubRequest } from '../../../../support/hub-server.js';
import { PUBLISHED_BYTES } from '../../../../support/published-file.js';
import { useTempDirs } from '../../../../support/temp-dir.js';

const tempDir = useTempDirs();
const { serve } = useHttpServers();

async function startHub(stated?: string) {
  const [asked, sent]: HubRequest[][] = [[], []];
  const files = await serve(fileServer(sent!));
  // Another host name: a token is not for it.
  const endpoint = await serve(hub(asked!, () => files.replace('127.0.0.1', 'localhost'), stated));
  return { asked: asked!, sent: sent!, endpoint };
}

describe('parseHubReference', () => {
  test.each([
    ['hf:timm/resnet50.a1_in1k', { owner: 'timm', name: 'resnet50.a1_in1k', revision: 'main' }],
    ['hf:me/net@v1.0', { owner: 'me', name: 'net', revision: 'v1.0' }],
    ['hf:me/net/deep/model.pth@abc', { owner: 'me', name: 'net', file: 'deep/model.pth', revision: 'abc' }],
  ])('%s', (text, reference) => {
    expect(parseHubReference(text)).toEqual(reference);
  });

  test.each(['hf:net', 'hf:a/b/../c', 'hf:../b', 'hf:a/b@', 'hf:a/b?x', 'hf:a b/c', 'hf:a//b', 'hf:.a/b'])(
    'not %s',
    (text) => {
      expect(() => parseHubReference(text)).toThrow(expect.objectContaining({ code: 'option-invalid' }));
    },
  );

  test('the entries of the catalogue name files of the hub', () => {
    expect(hubReferenceOf(findPublished('torchvision-resnet50-imagenet-timm').url)).toEqual({
      owner: 'timm',
      name: 'resnet50.a1_in1k',
      revision: 'main',
      file: 'model.safetensors',
    });
  });
});

describe('resolveHubFile', () => {
  test('gives what the hub states, and a URL of this version', async () => {
    const { endpoint, asked } = await startHub();
    const found = await resolveHubFile(parseHubReference('hf:timm/net'), { endpoint: `${endpoint}/` });
    expect(found).toEqual({
      url: `${endpoint}/timm/net/resolve/${HUB_COMMIT}/model.safetensors`,
      bytes: PUBLISHED_BYTES.length,
      digest: `sha256:${HUB_SHA256}`,
    });
    expect(asked).toEqual([
      { method: 'HEAD', url: '/timm/net/resolve/main/model.safetensors', authorization: undefined },
    ]);
  });

  test('follows the new name of a repository, and takes the file that is there', async () => {
    const { endpoint } = await startHub();
    const renamed = await resolveHubFile(parseHubReference('hf:timm/old-name'), { endpoint });
    expect(renamed.digest).toBe(`sha256:${HUB_SHA256}`);
    const pickled = await resolveHubFile(parseHubReference('hf:me/pickled'), { endpoint });
    expect(pickled.url).toMatch(/\/me\/pickled\/resolve\/\w+\/pytorch_model\.bin$/);
  });

  test('the file comes from another host, is checked by the stated digest, and the token stays with the hub', async () => {
    const { endpoint, asked, sent } = await startHub();
    const found = await resolveHubFile(parseHubReference('hf:gated/net'), { endpoint, token: 'hf_secret' });
    const target = join(await tempDir(), 'net.safetensors');
    await downloadWeights({ name: 'net', ...found }, target, { token: 'hf_secret' });
    expect((await readFile(target)).equals(PUBLISHED_BYTES)).toBe(true);
    expect(asked.map(({ method, authorization }) => [method, authorization])).toEqual([
      ['HEAD', 'Bearer hf_secret'],
      ['GET', 'Bearer hf_secret'],
    ]);
    expect(sent).toEqual([
      { method: 'GET', url: '/xet-bridge/model.safetensors?signature=x', authorization: undefined },
    ]);
  });

  test('a file that is not the stated one is not kept', async () => {
    const { endpoint } = await startHub('0'.repeat(64));
    const found = await resolveHubFile(parseHubReference('hf:timm/net'), { endpoint });
    const target = join(await tempDir(), 'net.safetensors');
    await expect(downloadWeights({ name: 'net', ...found }, target)).rejects.toMatchObject({
      code: 'weights-checksum',
    });
  });

  test.each([
    ['hf:timm/absent', /status 404/],
    ['hf:gated/net', /status 401: .*HF_TOKEN/],
    ['hf:me/small', /states no SHA-256/],
    ['hf:me/net/other.bin', /has no other\.bin in me\/net at main/],
  ])('%s is not available', async (text, message) => {
    const { endpoint } = await startHub();
    await expect(resolveHubFile(parseHubReference(text), { endpoint })).rejects.toMatchObject({
      code: 'weights-unavailable',
      message: expect.stringMatching(message),
    });
  });

  test('failures of the network are transient, and a request can be cancelled', async () => {
    const reference = parseHubReference('hf:timm/net');
    const broken = await serve((_, response) => response.writeHead(503).end());
    await expect(resolveHubFile(reference, { endpoint: broken })).rejects.toMatchObject({
      code: 'weights-unreachable',
    });
    await expect(resolveHubFile(reference, { endpoint: 'http://127.0.0.1:1' })).rejects.toMatchObject({
      code: 'weights-unreachable',
    });
    const silent = await serve(() => undefined);
    await expect(resolveHubFile(reference, { endpoint: silent, silenceMs: 50 })).rejects.toMatchObject({
      code: 'weights-unreachable',
    });
    const signal = AbortSignal.abort();
    await expect(resolveHubFile(reference, { endpoint: silent, signal })).rejects.toMatchObject({ code: 'cancelled' });
  });

  test('a redirect to another host that states nothing is not followed', async () => {
    const other = await serve((_, response) => response.writeHead(200, { etag: `"${HUB_SHA256}"` }).end());
    const endpoint = await serve((_, response) => response.writeHead(302, { location: other }).end());
    await expect(resolveHubFile(parseHubReference('hf:timm/net'), { endpoint })).rejects.toMatchObject({
      code: 'weights-unavailable',
      message: expect.stringContaining('redirects without stating a digest'),
    });
  });
});
