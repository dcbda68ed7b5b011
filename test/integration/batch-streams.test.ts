import { expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { get, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { extract } from 'tar-stream';
import { BatchClient, collect, numberedImage, tarOf } from './support/batch-client.js';
import { parseSafetensors } from './support/client.js';
import { useHeldImage } from './support/held-image.js';
import { until } from './support/service.js';
import { useService } from './support/use-service.js';

const { start } = useService({ env: { CAIRN_LOCK_DURATION_MS: '2000' } });
const held = useHeldImage();

async function imagesTar(count: number): Promise<Buffer> {
  const images = Array.from({ length: count }, async (_, i) => [`${i}.png`, await numberedImage(i)] as const);
  return tarOf(await Promise.all(images));
}

/** A manifest of so many images, the last of which is held. */
async function heldManifest(client: BatchClient, count: number): Promise<Buffer> {
  const lines = Array.from({ length: count - 1 }, async (_, i) => ({
    source: { sha256: await client.keep(await numberedImage(i)) },
    name: `${i}.png`,
  }));
  const last = { source: { url: held.url }, name: `${count - 1}.png` };
  return Buffer.from([...(await Promise.all(lines)), last].map((line) => JSON.stringify(line)).join('\n'));
}

interface ReceivedSet {
  readonly cursor: string;
  readonly line: number;
  readonly name: string;
  readonly features: { readonly id: string };
  readonly tensors: Buffer;
}

async function open(url: string): Promise<IncomingMessage> {
  const [response] = (await once(get(url), 'response')) as [IncomingMessage];
  expect([response.statusCode, response.headers['content-type']]).toEqual([200, 'application/x-tar']);
  return response;
}

/** Feature sets as they come; ends when `enough` have. */
async function receive(response: IncomingMessage, enough = Infinity): Promise<ReceivedSet[]> {
  const sets: ReceivedSet[] = [];
  const tar = extract();
  response.on('error', () => undefined).pipe(tar);
  let head: Omit<ReceivedSet, 'tensors'> | undefined;
  for await (const member of tar) {
    const { name } = member.header;
    const bytes = await collect(member);
    if (name.endsWith('.json')) head = JSON.parse(bytes.toString()) as typeof head;
    else sets.push({ ...head!, tensors: bytes });
    expect(name.slice(0, 8)).toBe(String(head!.line).padStart(8, '0'));
    if (sets.length >= enough) break;
  }
  response.destroy();
  return sets;
}

test('feature sets stream while they are made, and a stream that broke off goes on after the last set received', async () => {
  const client = new BatchClient((await start('all')).url);
  const batch = await client.submitBatch(await heldManifest(client, 30), 'model=mask-rcnn-resnet18&size=256');
  const url = `${client.url}/v1/batches/${batch.id}/features`;

  const first = await receive(await open(`${url}?levels=C4,C5&order=coarse-first`), 3);
  expect(first).toHaveLength(3);
  expect((await client.batch(batch.id)).finishedAt).toBeUndefined();
  held.release(await numberedImage(29));
  const rest = await receive(await open(`${url}?levels=C4,C5&order=coarse-first&after=${first[2]!.cursor}`));

  const sets = [...first, ...rest];
  expect(sets.map(({ line }) => line).sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
  expect(new Set(sets.map(({ cursor }) => cursor)).size).toBe(30);
  expect(sets.map(({ cursor }) => cursor)).toEqual((await client.results(batch.id)).map(({ cursor }) => cursor));
  for (const { name, line, features, tensors } of [sets[0]!, sets[29]!]) {
    expect(name).toBe(`${line - 1}.png`);
    expect(Object.keys(parseSafetensors(tensors).header)).toEqual(['__metadata__', 'C5', 'C4']);
    const alone = await client.bytes(`/v1/features/${features.id}.safetensors?levels=C4,C5&order=coarse-first`);
    expect(tensors.equals(alone)).toBe(true);
  }
  const { rate, counts } = await client.batch(batch.id);
  expect([counts.completed, rate > 0]).toEqual([30, true]);

  // The whole as a plain reader of tars has it.
  const members: string[] = [];
  const tar = extract();
  tar.end(await client.bytes(`/v1/batches/${batch.id}/features`));
  for await (const member of tar) {
    const bytes = await collect(member);
    expect(bytes.length).toBe(member.header.size);
    if (member.header.name.endsWith('.json')) JSON.parse(bytes.toString());
    members.push(member.header.name);
  }
  expect(members).toHaveLength(60);
  // For a level that the sets lack, an error takes their place.
  const absent = await receive(await open(`${url}?levels=P2`));
  expect(absent).toEqual([]);
  const wrong = await client.get(`/v1/batches/${batch.id}/features?levels=X1`);
  expect(wrong.status).toBe(400);
});

test('a worker killed in the middle, and another takes over: every line exactly once', async () => {
  const api = await start('api');
  const client = new BatchClient(api.url);
  const query = 'model=mask-rcnn-resnet18&size=256&levels=C4,C5';
  const batch = await client.submitBatch(await heldManifest(client, 60), query);
  const followed = client.lines(batch.id, 'follow=true');
  const features = open(`${client.url}/v1/batches/${batch.id}/features`).then((response) => receive(response));
  const doomed = await start('worker');
  await until(async () => (await client.batch(batch.id)).counts.completed >= 5);
  await doomed.end('SIGKILL');
  expect((await client.batch(batch.id)).finishedAt).toBeUndefined();

  held.release(await numberedImage(59));
  await start('worker');
  const done = await client.finishBatch(batch.id);
  expect(done).toMatchObject({ state: 'completed', counts: { completed: 60, failed: 0, cancelled: 0 } });
  const lines = Array.from({ length: 60 }, (_, i) => i + 1);
  expect((await followed).map(({ line }) => line).sort((a, b) => a - b)).toEqual(lines);
  expect((await features).map(({ line }) => line).sort((a, b) => a - b)).toEqual(lines);
});

test('the API stopped in the middle of streams cuts them, so that none looks whole', async () => {
  const api = await start('api');
  const client = new BatchClient(api.url);
  const batch = await client.submitBatch(await imagesTar(2));
  const response = await open(`${client.url}/v1/batches/${batch.id}/features`);
  const cut = once(response, 'error');
  response.resume();
  expect(await api.end('SIGTERM')).toBe(0);
  expect(((await cut)[0] as NodeJS.ErrnoException).code).toBe('ECONNRESET');
});

test('many lines are fed through a window: single jobs find a place, and Redis holds references only', async () => {
  const api = await start('api', { CAIRN_QUEUE_LIMIT: '200' });
  const client = new BatchClient(api.url);
  const image = await numberedImage(1);
  const sha256 = await client.keep(image);
  expect(sha256).toBe(createHash('sha256').update(image).digest('hex'));
  const lines = Array.from({ length: 10_000 }, (_, i) => JSON.stringify({ source: { sha256 }, name: `image ${i}` }));
  const batch = await client.submitBatch(Buffer.from(lines.join('\n')));
  expect(batch).toMatchObject({ total: 10_000, counts: { queued: 10_000 } });
  await start('worker', { CAIRN_QUEUE_LIMIT: '200', CAIRN_CONCURRENCY: '1' });
  await until(async () => (await client.batch(batch.id)).counts.completed > 0);
  const job = await client.submit(await numberedImage(2), 'size=64&model=mask-rcnn-resnet18');
  expect(await client.finish(job.id)).toMatchObject({ state: 'completed' });
  expect((await client.batch(batch.id)).finishedAt).toBeUndefined();
  const cancelled = await fetch(`${client.url}/v1/batches/${batch.id}`, { method: 'DELETE' });
  expect(cancelled.status).toBe(200);
  const { counts } = await client.finishBatch(batch.id);
  expect(counts.completed + counts.cancelled).toBe(10_000);
});
