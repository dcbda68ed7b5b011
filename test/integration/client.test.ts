import { beforeAll, describe, expect, test } from '@jest/globals';
import { createReadStream } from 'node:fs';
import sharp from 'sharp';
import { Cairn, type BatchSet, type Delivery, type Levels } from '../../src/client/index.js';
import { parseSafetensors } from '../support/safetensors-bytes.js';
import { fixturePath } from '../support/fixtures.js';
import { fixture } from './support/client.js';
import { useHeldImage } from './support/held-image.js';
import { useSharedService } from './support/use-service.js';

const SPEC = { model: 'mask-rcnn-resnet18', size: 64 } as const;
const services = useSharedService();
const held = useHeldImage();
let url: string;
let cairn: Cairn;
let photo: Uint8Array<ArrayBuffer>;

beforeAll(async () => {
  ({ url } = await services.start('all'));
  cairn = new Cairn(url);
  photo = new Uint8Array(await fixture('astronaut.jpg'));
});

/** A new image each time: 12 × 12 pixels of noise. */
async function fresh(): Promise<Uint8Array<ArrayBuffer>> {
  const pixels = crypto.getRandomValues(new Uint8Array(12 * 12 * 3));
  const image = sharp(pixels, { raw: { width: 12, height: 12, channels: 3 } });
  return new Uint8Array(await image.png().toBuffer());
}

/** The same levels by the bytes of the server. */
async function reference({ metadata }: Levels, query: string) {
  const response = await fetch(`${url}/v1/features/${metadata.id}.safetensors?${query}`);
  return parseSafetensors(Buffer.from(await response.arrayBuffer())).tensors;
}

const floats = (bytes: Uint8Array) => [...new Float32Array(Uint8Array.from(bytes).buffer)];

describe('extract', () => {
  test.each(['float32', 'float16', 'uint8'] as const)(
    'gives levels of %s as the server converts them',
    async (dtype) => {
      const levels = await cairn.extract(photo, { ...SPEC, dtype, levels: ['C2', 'P3'] });
      expect(Object.keys(levels.tensors)).toEqual(['C2', 'P3']);
      expect(levels.metadata).toMatchObject({ size: 64, model: SPEC.model, strides: { C2: 4, P3: 8 } });
      const expected = await reference(levels, 'as=float32');
      for (const [name, tensor] of Object.entries(levels.tensors)) {
        expect(tensor).toMatchObject({ name, dtype, shape: expected.get(name)!.shape });
        expect([...tensor.values]).toEqual(floats(expected.get(name)!.data));
      }
    },
  );

  test.each([
    ['a Blob', () => new Blob([photo])],
    ['an ArrayBuffer', () => Uint8Array.from(photo).buffer],
    ['a stream', () => createReadStream(fixturePath('images/astronaut.jpg'))],
    ['a function that makes streams', () => () => new Blob([photo]).stream()],
  ] as const)('takes %s', async (_, image) => {
    const { metadata } = await cairn.extract(image(), { ...SPEC, levels: ['C4'] });
    expect(metadata.id).toBe((await cairn.extract(photo, { ...SPEC, levels: ['C4'] })).metadata.id);
  });

  test('names an image by its digest or its URL', async () => {
    const sha256 = await cairn.images.put(photo);
    expect(await cairn.images.has(sha256)).toBe(true);
    expect(await cairn.images.has('0'.repeat(64))).toBe(false);
    const { metadata } = await cairn.extract({ sha256 }, { ...SPEC, levels: ['C4'] });
    held.release(Buffer.from(photo));
    expect((await cairn.extract({ url: held.url }, { ...SPEC, levels: ['C4'] })).metadata.id).toBe(metadata.id);
  });

  test('streams the levels, the smallest first', async () => {
    const stream = await cairn.extractStream(photo, { ...SPEC, levels: ['C2', 'C5'], order: 'coarse-first' });
    const names: string[] = [];
    for await (const { name } of stream) names.push(name);
    expect(names).toEqual(['C5', 'C2']);
  });

  test('fails with the code of the server', async () => {
    const broken = new TextEncoder().encode('no image');
    await expect(cairn.extract(broken)).rejects.toMatchObject({ code: 'image-unsupported', status: 415 });
    await expect(cairn.extract(photo, { model: 'no' })).rejects.toMatchObject({ code: 'model-unknown' });
  });

  test('ends with its signal, and its job is cancelled', async () => {
    const stop = new AbortController();
    const extraction = cairn.extract({ url: held.url }, SPEC, { signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(extraction).rejects.toThrow('enough');
  });
});

describe('jobs', () => {
  test('are submitted, followed and read', async () => {
    const { id } = await cairn.jobs.submit(await fresh(), SPEC);
    const states: string[] = [];
    const job = await cairn.jobs.wait(id, { onChange: ({ state }) => states.push(state) });
    expect(states.at(-1)).toBe('completed');
    expect(await cairn.jobs.get(id)).toEqual(job);
    expect(await cairn.features(job.featuresId!).describe()).toMatchObject({ id: job.featuresId, size: 64 });
    await expect(cairn.jobs.cancel(id)).rejects.toMatchObject({ code: 'job-finished', status: 409 });
  });

  test('that fail or are cancelled say so by their code', async () => {
    const failing = await cairn.jobs.submit({ url: 'http://10.0.0.1/private.jpg' }, SPEC);
    await expect(cairn.jobs.wait(failing.id)).rejects.toMatchObject({ code: 'url-forbidden', transient: false });
    const { id } = await cairn.jobs.submit({ url: held.url }, SPEC);
    const waiting = expect(cairn.jobs.wait(id)).rejects.toMatchObject({ code: 'cancelled' });
    expect(await cairn.jobs.cancel(id)).toMatchObject({ state: 'cancelled' });
    await waiting;
  });
});

describe('feature sets', () => {
  test('are read by parts', async () => {
    const { metadata, tensors } = await cairn.extract(photo, { ...SPEC, levels: ['C2', 'C3', 'C4'], dtype: 'uint8' });
    const features = cairn.features(metadata.id!);
    const level = await features.level('C3');
    expect(level.cells).toEqual([8, 8]);
    const part = await level.read({ rows: [2, 5], columns: [1, 3] });
    const [channels, whole] = [tensors['C3']!.shape[2]!, tensors['C3']!.values];
    expect(part.shape).toEqual([3, 2, channels]);
    const rows = [2, 3, 4].flatMap((row) => [...whole.subarray((row * 8 + 1) * channels, (row * 8 + 3) * channels)]);
    expect([...part.values]).toEqual(rows);
    expect((await level.read({}, { as: 'float32' })).values).toEqual(whole);
    await expect(level.read({ rows: [7, 9] })).rejects.toThrow(RangeError);
    await expect(features.level('P2')).rejects.toMatchObject({ code: 'level-absent' });
    await expect(cairn.features('0'.repeat(64)).describe()).rejects.toMatchObject({ code: 'features-not-found' });
  });

  test('whose last cells reach beyond the canvas are read to their edge', async () => {
    const { metadata } = await cairn.extract(photo, { ...SPEC, size: 96, levels: ['P6'] });
    const level = await cairn.features(metadata.id!).level('P6');
    expect(level.cells).toEqual([2, 2]);
    expect((await level.read({ rows: [1, 2] })).shape).toEqual([1, 2, 256]);
  });

  test('give the regions of boxes, and their archive', async () => {
    const { metadata } = await cairn.extract(photo, { ...SPEC, levels: ['C4'] });
    const features = cairn.features(metadata.id!);
    const { regions, levels } = await features.roiAlign({ boxes: [[8, 8, 40, 40]], outputSize: 3, levels: ['C4'] });
    expect([regions.shape, regions.values.length, [...levels.values]]).toEqual([[1, 3, 3, 256], 3 * 3 * 256, [4]]);
    const chunks: Uint8Array[] = [];
    for await (const chunk of await features.archive()) chunks.push(chunk);
    expect(Buffer.concat(chunks).subarray(0, 2).toString()).toBe('PK');
    expect((await fetch(`${features.zarrUrl}/zarr.json`)).status).toBe(200);
  });
});

describe('batches', () => {
  test('are followed by result and by set; a broken image fails alone', async () => {
    const images = [await fresh(), new TextEncoder().encode('no image'), await fresh()];
    const { batch, found, refused } = await cairn.batches.submit(
      images.map((image, i) => ({ image, name: `n${i}`, ...(i === 2 && { options: { levels: ['C4'] as const } }) })),
      { ...SPEC, levels: ['C5'] },
    );
    expect([found, batch.total]).toEqual([false, 2]);
    expect(refused).toMatchObject([{ line: 2, name: 'n1', error: { code: 'image-unsupported' } }]);
    const sets: BatchSet[] = [];
    for await (const set of cairn.batches.features(batch.id, { as: 'float32' })) sets.push(set);
    sets.sort((a, b) => a.line - b.line);
    expect(sets.map(({ line, name, tensors }) => [line, name, Object.keys(tensors!)])).toEqual([
      [1, 'n0', ['C5']],
      [3, 'n2', ['C4']],
    ]);
    expect(sets[0]!.tensors!['C5']).toMatchObject({ dtype: 'float32', shape: [2, 2, 512] });
    const results = [];
    for await (const { line, state } of cairn.batches.results(batch.id)) results.push([line, state]);
    expect(results.sort()).toEqual([
      [1, 'completed'],
      [3, 'completed'],
    ]);
    await expect(cairn.batches.cancel(batch.id)).rejects.toMatchObject({ code: 'batch-finished' });
  });

  test('of one key are one batch, and the rest is read after a cursor', async () => {
    const images = [{ image: await fresh() }, { image: await fresh() }, { image: await fresh() }];
    const submit = () => cairn.batches.submit(images, { ...SPEC, levels: ['C5'] }, { key: 'one key' });
    const { batch } = await submit();
    expect(await submit()).toMatchObject({ found: true, batch: { id: batch.id } });
    const cursors: string[] = [];
    for await (const { cursor } of cairn.batches.features(batch.id)) cursors.push(cursor);
    const rest: string[] = [];
    for await (const { cursor } of cairn.batches.features(batch.id, { after: cursors[0] })) rest.push(cursor);
    expect(rest).toEqual(cursors.slice(1));
  });
});

describe('announcements', () => {
  test('reach every subscriber', async () => {
    const wanted = (await cairn.extract(await fresh(), SPEC)).metadata.id;
    const received: string[] = [];
    for await (const { features } of cairn.announcements.subscribe({ after: '0', model: [SPEC.model] })) {
      received.push(features.id);
      if (features.id === wanted) break;
    }
    expect(received.at(-1)).toBe(wanted);
  });

  test('are shared by consumers, and delivered again until they are acknowledged', async () => {
    const options = { group: 'g', prefetch: 2, redeliverAfterMs: 500 };
    const first = cairn.announcements.consume({ ...options, consumer: 'one', from: '0' });
    const ids = await Promise.all(
      [fresh(), fresh()].map(async (image) => (await cairn.extract(await image, SPEC)).metadata.id),
    );
    const deliveries: Delivery[] = [];
    for await (const delivery of first) {
      if (ids.includes(delivery.announcement.features.id)) deliveries.push(delivery);
      else await delivery.acknowledge();
      if (deliveries.length === 2) break;
    }
    // Leaving the loop ends the extensions: what is not acknowledged goes to another consumer.
    await deliveries[0]!.acknowledge();
    for await (const delivery of cairn.announcements.consume({ ...options, consumer: 'two' })) {
      expect(delivery.announcement).toMatchObject({ id: deliveries[1]!.announcement.id, delivery: 2 });
      await delivery.acknowledge();
      break;
    }
    const [group] = await cairn.announcements.groups();
    expect(group).toMatchObject({ name: 'g', pending: 0 });
    await cairn.announcements.deleteGroup('g');
    expect(await cairn.announcements.groups()).toEqual([]);
  });
});

test('the catalogue has the models', async () => {
  expect((await cairn.models(64)).map(({ name }) => name)).toContain(SPEC.model);
});
