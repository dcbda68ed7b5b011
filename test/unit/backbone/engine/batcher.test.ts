import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Batcher, type RunBatch } from '../../../../src/backbone/engine/batcher.js';
import type { Level } from '../../../../src/backbone/tensor.js';
import { CairnError } from '../../../../src/errors.js';

const IMAGE_BYTES = 2;
const DELAY_MS = 5;
/** An image that the session refuses. */
const BAD = 66;

/** The value of its pixels identifies an image. */
const image = (value: number) => new Uint8Array(IMAGE_BYTES).fill(value);
/** Which image these are the levels of. */
const valueOf = (levels: Level[]) => levels[0]!.tensor.data[0]!;

/** Levels that hold the image itself; those of a batch are views of one memory, as an engine's are. */
function levelsOf(images: Uint8Array<ArrayBuffer>, batch: number): Level[][] {
  const memory = images.slice();
  const bytes = memory.byteLength / batch;
  return Array.from({ length: batch }, (_, at) => {
    const data = memory.subarray(at * bytes, (at + 1) * bytes);
    return [{ name: 'C2', stride: 4, tensor: { dtype: 'float16', shape: [1, 1, 1], data }, clipped: false }];
  });
}

/** What the session was given, batch by batch. */
let given: number[][];
/** Ends the run that is under way; only of sessions that wait for it. */
let finish: (() => void)[];

const record = (images: Uint8Array<ArrayBuffer>) => given.push([...images].filter((_, i) => i % IMAGE_BYTES === 0));

const instant: RunBatch = (images, batch) => {
  record(images);
  return images.includes(BAD)
    ? Promise.reject(new CairnError('features-not-finite', 'NaN'))
    : Promise.resolve(levelsOf(images, batch));
};

const slow: RunBatch = async (images, batch) => {
  record(images);
  await new Promise<void>((resolve) => finish.push(resolve));
  return levelsOf(images, batch);
};

const batcher = (run: RunBatch, maxBatch: number) =>
  new Batcher(run, { imageBytes: IMAGE_BYTES, maxBatch, maxDelayMs: DELAY_MS });

beforeEach(() => {
  jest.useFakeTimers();
  given = [];
  finish = [];
});
afterEach(() => {
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

/** Lets everything happen that waits for no timer. */
const settle = () => jest.advanceTimersByTimeAsync(0);

describe('Batcher', () => {
  test('runs at once when the batch is full, and gives each image its own levels', async () => {
    const full = batcher(instant, 3);
    const levels = await Promise.all([1, 2, 3].map((value) => full.add(image(value))));
    expect(given).toEqual([[1, 2, 3]]);
    expect(levels.map(valueOf)).toEqual([1, 2, 3]);
  });

  test('runs what is there when the first image has waited long enough', async () => {
    const patient = batcher(instant, 3);
    const first = patient.add(image(1));
    await jest.advanceTimersByTimeAsync(DELAY_MS - 1);
    const second = patient.add(image(2));
    expect(given).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(given).toEqual([[1, 2]]);
    expect([valueOf(await first), valueOf(await second)]).toEqual([1, 2]);
  });

  test('an image that stays alone runs as it is, without a copy', async () => {
    const run = jest.fn(instant);
    const alone = batcher(run, 3);
    const pixels = image(1);
    const levels = alone.add(pixels);
    await jest.advanceTimersByTimeAsync(DELAY_MS);
    expect(run.mock.calls[0]![0]).toBe(pixels);
    expect(valueOf(await levels)).toBe(1);
  });

  test('one batch runs at a time; what comes meanwhile follows without a delay, in order', async () => {
    const busy = batcher(slow, 2);
    const levels = Promise.all([1, 2, 3, 4, 5].map((value) => busy.add(image(value))));
    await jest.advanceTimersByTimeAsync(10 * DELAY_MS);
    expect(given).toEqual([[1, 2]]);
    finish[0]!();
    await settle();
    expect(given).toEqual([
      [1, 2],
      [3, 4],
    ]);
    finish[1]!();
    await settle();
    expect(given.at(-1)).toEqual([5]);
    finish[2]!();
    expect((await levels).map(valueOf)).toEqual([1, 2, 3, 4, 5]);
  });

  test('after a pause the next image waits for others again', async () => {
    const paused = batcher(instant, 2);
    await Promise.all([paused.add(image(1)), paused.add(image(2))]);
    const next = paused.add(image(3));
    await settle();
    expect(given).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(DELAY_MS);
    expect(valueOf(await next)).toBe(3);
  });

  test('an image that is refused fails alone; the others of its batch get their levels', async () => {
    const mixed = batcher(instant, 3);
    const outcomes = await Promise.allSettled([1, BAD, 3].map((value) => mixed.add(image(value))));
    expect(given).toEqual([[1, BAD, 3], [1], [BAD], [3]]);
    expect(outcomes[1]).toMatchObject({ status: 'rejected', reason: { code: 'features-not-finite' } });
    const [first, , third] = outcomes as PromiseFulfilledResult<Level[]>[];
    expect([valueOf(first!.value), valueOf(third!.value)]).toEqual([1, 3]);
  });

  test('while the images of a failed batch run one by one, no other batch does', async () => {
    let running = 0;
    let most = 0;
    const one = batcher(async (images, batch) => {
      most = Math.max(most, ++running);
      await Promise.resolve();
      running--;
      return instant(images, batch);
    }, 2);
    const outcomes = await Promise.allSettled([BAD, 2, 3, 4].map((value) => one.add(image(value))));
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled', 'fulfilled']);
    expect([most, given]).toEqual([1, [[BAD, 2], [BAD], [2], [3, 4]]]);
  });

  test('a session that has died fails all that wait for it, and nobody is left waiting', async () => {
    const dead = batcher(() => Promise.reject(new CairnError('engine-failed', 'ended')), 2);
    const outcomes = await Promise.allSettled([1, 2, 3].map((value) => dead.add(image(value))));
    for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { code: 'engine-failed' } });
  });

  test('an image of the wrong length does not shift the others', async () => {
    const strict = batcher(instant, 2);
    await expect(strict.add(new Uint8Array(IMAGE_BYTES + 1))).rejects.toMatchObject({ code: 'engine-failed' });
    await Promise.all([strict.add(image(1)), strict.add(image(2))]);
    expect(given).toEqual([[1, 2]]);
  });

  test('batches of one pass straight through: no copy, no timer, no waiting for each other', async () => {
    const run = jest.fn(slow);
    const straight = batcher(run, 1);
    const pixels = image(1);
    const levels = [straight.add(pixels), straight.add(image(2))];
    expect(run.mock.calls[0]![0]).toBe(pixels);
    expect([given, jest.getTimerCount()]).toEqual([[[1], [2]], 0]);
    for (const end of finish) end();
    expect((await Promise.all(levels)).map(valueOf)).toEqual([1, 2]);
  });
});
