import { describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { extract } from 'tar-stream';
import { cutTo, entryNames, flipAt, flipEntry } from '../support/damage.js';
import { BatchClient, collect, numberedImage, OPTIONS, tarOf } from './support/batch-client.js';
import { parseSafetensors, type Job } from './support/client.js';
import { useSharedService } from './support/use-service.js';

const services = useSharedService();
let service: ReturnType<typeof services.start> | undefined;
const start = () => (service ??= services.start('all'));

const archiveOf = (id: string) => join(services.data, 'features', `${id}.zarr.zip`);

/** A feature set of an image that no other test has; answers how to ask for it again. */
async function made(client: BatchClient, number: number) {
  const image = await numberedImage(number);
  const ask = () => client.post(OPTIONS, new Uint8Array(image), { 'content-type': 'image/png' });
  const job = await client.finish(((await (await ask()).json()) as Job).id);
  return { id: job.features!.id, image, ask };
}

const codeOf = async (response: Response) => ((await response.json()) as { code?: string }).code;

test('a flipped byte in one of the archives of a batch costs that set only, and the API goes on', async () => {
  const client = new BatchClient((await start()).url);
  const images = await Promise.all([1, 2, 3, 4, 5].map(async (i) => [`${i}.png`, await numberedImage(i)] as const));
  const batch = await client.submitBatch(await tarOf(images));
  await client.finishBatch(batch.id);
  const damaged = (await client.results(batch.id))[2]!;
  await flipEntry(archiveOf(damaged.features!.id), 'C4/c/0/0/0');

  const heads: { line: number; error?: { code: string } }[] = [];
  let sets = 0;
  const tar = extract();
  tar.end(await client.bytes(`/v1/batches/${batch.id}/features`));
  for await (const member of tar) {
    const bytes = await collect(member);
    if (member.header.name.endsWith('.json')) heads.push(JSON.parse(bytes.toString()) as (typeof heads)[number]);
    else sets++;
  }
  expect([heads.length, sets]).toEqual([5, 4]);
  expect(heads.filter(({ error }) => error)).toMatchObject([
    { line: damaged.line, error: { code: 'features-corrupt' } },
  ]);
  expect((await client.get('/livez')).status).toBe(200);
});

describe('a damaged archive is told as such, leaves the store, and is made anew when asked for again', () => {
  test.each([
    ['a byte of a band', (path: string) => flipEntry(path, 'C4/c/0/0/0')],
    ['a byte of the description', (path: string) => flipEntry(path, 'zarr.json')],
    ['a byte of a level’s metadata', (path: string) => flipEntry(path, 'C4/zarr.json')],
    ['the second half', (path: string) => cutTo(path, 0.5)],
    ['everything', (path: string) => cutTo(path, 0)],
  ])('%s', async (what, damage) => {
    const client = new BatchClient((await start()).url);
    const { id, ask } = await made(client, 100 + what.length);
    const sound = await client.bytes(`/v1/features/${id}.safetensors`);
    await damage(archiveOf(id));
    const log = (await start()).log().length;
    for (const path of [`${id}.zarr.zip`, `${id}.zarr/C4/c/0/0/0`, `${id}.safetensors`, id]) {
      const response = await client.get(`/v1/features/${path}`);
      expect([path, response.status, await codeOf(response)]).toEqual([path, 410, 'features-corrupt']);
      expect(response.headers.get('cache-control')).toBe('no-store');
    }
    const told = (await start())
      .log()
      .slice(log)
      .split('\n')
      .filter((line) => line.includes('quarantine'));
    expect(told).toHaveLength(1);
    expect(await readdir(join(services.data, 'quarantine', 'features'))).toContain(`${id}.zarr.zip`);

    const again = await ask();
    expect(again.status).toBe(202);
    const job = await client.finish(((await again.json()) as Job).id);
    expect(job).toMatchObject({ state: 'completed', features: { id } });
    const healed = await client.bytes(`/v1/features/${id}.safetensors`);
    expect(parseSafetensors(healed).data.equals(parseSafetensors(sound).data)).toBe(true);
  });

  test('the same question, before anybody has read it, where its directory shows the damage', async () => {
    const client = new BatchClient((await start()).url);
    const { id, ask } = await made(client, 300);
    await cutTo(archiveOf(id), 0.5);
    const again = await ask();
    expect(again.status).toBe(202);
    expect(await client.finish(((await again.json()) as Job).id)).toMatchObject({ state: 'completed' });
    expect((await client.get(`/v1/features/${id}.safetensors`)).status).toBe(200);
  });

  test('regions: none is sent where a band under one of the boxes is damaged, and others are not affected', async () => {
    const client = new BatchClient((await start()).url);
    const { id, image } = await made(client, 302);
    const query = 'model=mask-rcnn-resnet18&size=512&levels=P2';
    const large = (await (
      await client.post(query, new Uint8Array(image), { 'content-type': 'image/png' })
    ).json()) as Job;
    const set = (await client.finish(large.id)).features!.id;
    const pool = (of: string, boxes: number[][]) =>
      fetch(`${client.url}/v1/features/${of}/roi-align`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ boxes }),
      });
    const whole = [0, 0, 512, 512];
    const sound = await pool(set, [whole]);
    expect(sound.status).toBe(200);
    await sound.arrayBuffer();
    const bands = (await entryNames(archiveOf(set))).filter((name) => name.startsWith('P2/c/'));
    expect(bands.length).toBeGreaterThan(3);
    await flipEntry(archiveOf(set), bands.at(-1)!);
    const upper = await pool(set, [[0, 0, 64, 64]]);
    expect([upper.status, (await upper.arrayBuffer()).byteLength > 1000]).toEqual([200, true]);
    const damaged = await pool(set, [[0, 0, 64, 64], whole]);
    expect([damaged.status, await codeOf(damaged)]).toEqual([410, 'features-corrupt']);
    expect(await readdir(join(services.data, 'quarantine', 'features'))).toContain(`${set}.zarr.zip`);
    expect((await client.get(`/v1/features/${id}`)).status).toBe(200);
  });

  test('an answer with the levels themselves is made anew at once', async () => {
    const client = new BatchClient((await start()).url);
    const { id, image } = await made(client, 301);
    await flipEntry(archiveOf(id), 'C4/c/0/0/0');
    const body = new Uint8Array(image);
    const response = await fetch(`${client.url}/v1/extract?${OPTIONS}`, { method: 'POST', body });
    expect(response.status).toBe(200);
    expect(Object.keys(parseSafetensors(Buffer.from(await response.arrayBuffer())).header)).toContain('C4');
  });
});

test('a damaged upload makes no features under the honest id, and sending it again heals it', async () => {
  const client = new BatchClient((await start()).url);
  const image = await numberedImage(400);
  const sha256 = await client.keep(image);
  const stored = join(services.data, 'images', sha256);
  await flipAt(stored, image.length - 20);
  const body = JSON.stringify({ source: { sha256 }, model: 'mask-rcnn-resnet18', size: 64 });
  const submit = () => client.post('', body, { 'content-type': 'application/json' });
  const job = (await (await submit()).json()) as Job;
  expect(await client.finish(job.id)).toMatchObject({ state: 'failed', error: { code: 'upload-corrupt' } });
  await client.keep(image);
  expect(
    createHash('sha256')
      .update(await readFile(stored))
      .digest('hex'),
  ).toBe(sha256);
  const again = (await (await submit()).json()) as Job;
  expect(await client.finish(again.id)).toMatchObject({ state: 'completed' });
});

test('sending an image repairs the stored one, whatever its length', async () => {
  const client = new BatchClient((await start()).url);
  const large = Buffer.concat([await numberedImage(401), Buffer.alloc(400 << 10)]);
  for (const image of [await numberedImage(402), large]) {
    const stored = join(services.data, 'images', await client.keep(image));
    await flipAt(stored, 60);
    await client.keep(image);
    expect((await readFile(stored)).equals(image)).toBe(true);
  }
});

test('the metrics count what was found damaged', async () => {
  const metrics = await (await fetch(`${(await start()).url}/metrics`)).text();
  // In one process the worker finds damaged uploads and the API damaged features: both count here.
  expect(Number(/^cairn_corrupt_objects_total\{kind="image"\} (\d+)/m.exec(metrics)?.[1])).toBeGreaterThan(0);
  expect(Number(/^cairn_corrupt_objects_total\{kind="features"\} (\d+)/m.exec(metrics)?.[1])).toBeGreaterThan(0);
});
