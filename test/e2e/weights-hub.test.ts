import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findModel, modelGraph } from '../../src/backbone/catalogue.js';
import { matchWeights } from '../../src/backbone/weights/match-weights.js';
import { useHttpServers } from '../support/http-server.js';
import { safetensorsBytes } from '../support/safetensors-bytes.js';
import { useTempDirs } from '../support/temp-dir.js';
import { runCli } from './support/run-cli.js';

const tempDir = useTempDirs();
const { serve } = useHttpServers();
const MODEL = 'torchvision-resnet18';

let bytes: Buffer;
beforeAll(() => {
  const { missing } = matchWeights(modelGraph(findModel(MODEL), true), []);
  const sizeOf = (shape: readonly number[]) => shape.reduce((product, length) => product * length, 1);
  const tensors = missing.map(({ path, expected }) => {
    return [path, { shape: [...expected], data: new Uint16Array(sizeOf(expected)) }] as const;
  });
  bytes = safetensorsBytes(Object.fromEntries(tensors));
});

let home: string;
let endpoint: string;
beforeEach(async () => {
  home = await tempDir();
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const files = await serve((_, response) => response.writeHead(200, { 'content-length': bytes.length }).end(bytes));
  endpoint = await serve(({ url }, response) => {
    if (!url!.endsWith('/model.safetensors')) {
      response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end();
      return;
    }
    const stated = { 'x-linked-etag': `"${sha256}"`, 'x-linked-size': bytes.length };
    response.writeHead(302, { location: `${files}/blob`, ...stated }).end();
  });
});

function pull(args: string[], more: Record<string, string> = {}) {
  const env = { PATH: process.env['PATH'], CAIRN_WEIGHTS_DIR: join(home, 'weights'), HF_ENDPOINT: endpoint, ...more };
  return runCli(['weights', 'pull', ...args], { cwd: home, env });
}
const pulled = () => readdir(join(home, 'weights')).catch(() => []);

describe('weights pull hf:OWNER/NAME', () => {
  test('keeps the file under its own name, once', async () => {
    const first = await pull(['hf:timm/resnet18.a1_in1k']);
    expect([first.status, first.stdout]).toEqual([
      0,
      expect.stringMatching(/hf--timm--resnet18\.a1_in1k\.safetensors\n.*--as MODEL/),
    ]);
    const [name] = await pulled();
    expect((await readFile(join(home, 'weights', name!))).equals(bytes)).toBe(true);
    expect((await pull(['hf:timm/resnet18.a1_in1k'])).stderr).toContain('is already there');
    expect(await pulled()).toEqual(['hf--timm--resnet18.a1_in1k.safetensors']);
  });

  test('makes it the weights of a model that it fits', async () => {
    const { status, stdout } = await pull(['hf:timm/net', '--as', MODEL, '--json']);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ model: MODEL, usedByDefault: true, received: bytes.length });
    expect(await pulled()).toEqual([`${MODEL}.safetensors`]);
    const again = await pull(['hf:timm/other', '--as', MODEL]);
    expect(again).toMatchObject({ status: 1, stderr: expect.stringContaining('[weights-conflict]') });
  });

  test('does not make it those of another', async () => {
    const { status, stderr } = await pull(['hf:timm/net', '--as', 'torchvision-resnet50']);
    expect(status).toBe(1);
    expect(stderr).toMatch(/\[weights-(missing|shape)\]/);
    expect(await pulled()).toEqual(['hf--timm--net.safetensors']);
  });

  test('the catalogue’s are checked by what the hub states', async () => {
    const { stdout } = await pull(['torchvision-resnet18-imagenet-timm', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ model: MODEL, digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) });
    expect(await pulled()).toEqual(['torchvision-resnet18-imagenet-timm.safetensors']);
  });

  test('a mirror has no digests', async () => {
    const { stderr } = await pull(['hf:timm/net'], { CAIRN_WEIGHTS_MIRROR: home });
    expect(stderr).toMatch(/stated by the hub alone.*\[option-invalid\]/);
  });

  test.each([
    ['hf:net', 'option-invalid'],
    ['hf:timm/net/absent.bin', 'weights-unavailable'],
  ])('%s is refused', async (name, code) => {
    expect(await pull([name])).toMatchObject({ status: 1, stderr: expect.stringContaining(`[${code}]`) });
  });
});
