import { get, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { ask, parse, type Answer, type Question } from '../ask.js';
import type { Counts } from '../counts.js';
import type { ImagePool } from '../images.js';
import type { Promises } from '../promises.js';
import type { Random } from '../random.js';
import { WISHES } from '../wishes.js';

const BATCH_LINES = 20;
const JSON_TYPE = { 'content-type': 'application/json' };

/** What clients do all day, some of them badly. */
export class Load {
  private readonly sets: string[] = [];
  private readonly kinds: readonly (readonly [name: string, call: (random: Random) => Promise<unknown>])[] = [
    ['submit', (random) => this.submit(random)],
    ['submit', (random) => this.submit(random)],
    ['extract', (random) => this.extract(random)],
    ['extract', (random) => this.extract(random)],
    ['extract, and leave', (random) => this.leave(random)],
    ['cancel', (random) => this.cancel(random)],
    ['a broken image', (random) => this.broken(random)],
    ['levels', (random) => this.read(random, '.safetensors')],
    ['a window', (random) => this.read(random, '.safetensors?window=0,0,32,32&as=float32')],
    ['zstd', (random) => this.read(random, '.safetensors', { 'accept-encoding': 'zstd' })],
    ['a range', (random) => this.read(random, '.zarr.zip', { range: 'bytes=0-999' })],
    ['remote Zarr', (random) => this.read(random, '.zarr/C5/c/0/0/0')],
    ['regions', (random) => this.regions(random)],
    ['a batch', (random) => this.batch(random, false)],
    ['a cancelled batch', (random) => this.batch(random, true)],
    ['a subscriber', (random) => this.listen(`/v1/stream?after=0&model=mask-rcnn-resnet18`, random)],
    [
      'a consumer',
      (random) =>
        this.listen(`/v1/stream?group=soak&consumer=c${random.below(3)}&prefetch=5&redeliverAfterMs=1000`, random),
    ],
    ['inference', (random) => this.infer(random)],
    ['metrics', () => this.call('/metrics')],
    ['models', () => this.call('/v1/models?size=64')],
  ];

  constructor(
    private readonly origin: string,
    private readonly pool: ImagePool,
    private readonly promises: Promises,
    readonly counts: Counts,
  ) {}

  async one(random: Random): Promise<void> {
    const [name, call] = random.pick(this.kinds);
    this.counts.add(name);
    await call(random);
  }

  /** A 5xx, or no answer, is a breach: nothing is wrong while this runs. */
  private async ask(path: string, question: Question = {}): Promise<Answer | undefined> {
    const answer = await ask(this.origin, path, question);
    const sound = answer !== undefined && answer.status < 500;
    const what = `${question.method ?? 'GET'} ${path}: ${answer ? `${answer.status} ${answer.body.toString('utf8', 0, 300)}` : 'none'}`;
    this.promises.check(sound, 'a service in order answers', what);
    return answer;
  }

  private async call(path: string): Promise<void> {
    await this.ask(path);
  }

  private image(): Buffer {
    return this.pool.image(this.pool.nextNumber());
  }

  private async submit(random: Random): Promise<string | undefined> {
    const answer = await this.ask(`/v1/jobs?${random.pick(WISHES)}`, { method: 'POST', body: this.image() });
    if (answer?.status !== 202) return undefined;
    const { id, featuresId } = parse<{ id: string; featuresId: string }>(answer);
    this.sets.push(featuresId);
    return id;
  }

  private async extract(random: Random): Promise<void> {
    await this.ask(`/v1/extract?${random.pick(WISHES)}`, { method: 'POST', body: this.image() });
  }

  private leave(random: Random): Promise<void> {
    const path = `${this.origin}/v1/extract?${random.pick(WISHES)}`;
    return new Promise((resolve) => {
      const asked = request(path, { method: 'POST', agent: false }).on('error', () => undefined);
      asked.once('close', resolve).end(this.image());
      setTimeout(() => asked.destroy(), random.between(0, 100));
    });
  }

  private async cancel(random: Random): Promise<void> {
    const id = await this.submit(random);
    if (id !== undefined) await this.ask(`/v1/jobs/${id}`, { method: 'DELETE' });
  }

  private async broken(random: Random): Promise<void> {
    const image = this.image();
    const body = image.subarray(0, Math.floor(image.length * random.between(0.1, 0.9)));
    await this.ask(`/v1/jobs?${random.pick(WISHES)}`, { method: 'POST', body });
  }

  private async read(random: Random, suffix: string, headers: Record<string, string> = {}): Promise<void> {
    const id = this.set(random);
    if (id !== undefined) await this.ask(`/v1/features/${id}${suffix}`, { headers });
  }

  private async regions(random: Random): Promise<void> {
    const id = this.set(random);
    if (id === undefined) return;
    const boxes = Array.from({ length: 50 }, () => [0, 0, random.between(8, 64), random.between(8, 64)]);
    const body = Buffer.from(JSON.stringify({ boxes, levels: ['C5'] }));
    await this.ask(`/v1/features/${id}/roi-align`, { method: 'POST', headers: JSON_TYPE, body });
  }

  private async batch(random: Random, cancelled: boolean): Promise<void> {
    const lines: string[] = [];
    for (let line = 0; line < BATCH_LINES; line++) {
      const kept = await this.ask('/v1/images', { method: 'POST', body: this.image() });
      if (kept?.status === 201)
        lines.push(JSON.stringify({ source: { sha256: parse<{ sha256: string }>(kept).sha256 } }));
    }
    const path = `/v1/batches?${random.pick(WISHES)}`;
    const answer = await this.ask(path, { method: 'POST', body: Buffer.from(lines.join('\n')) });
    if (answer?.status !== 202) return;
    const { id } = parse<{ id: string }>(answer);
    if (cancelled) await this.ask(`/v1/batches/${id}`, { method: 'DELETE' });
    await this.ask(`/v1/batches/${id}/features`);
    await this.ask(`/v1/batches/${id}/results`);
  }

  private async infer(random: Random): Promise<void> {
    const pixels = random.bytes(16 * 16 * 3);
    const input = {
      name: 'image',
      datatype: 'UINT8',
      shape: [1, 16, 16, 3],
      parameters: { binary_data_size: pixels.length },
    };
    const json = Buffer.from(JSON.stringify({ inputs: [input], outputs: [{ name: 'C5' }], parameters: { size: 64 } }));
    const headers = { 'inference-header-content-length': String(json.length) };
    const body = Buffer.concat([json, pixels]);
    await this.ask('/v2/models/mask-rcnn-resnet18/infer', { method: 'POST', headers, body });
  }

  /** Listens for a moment, and acknowledges nothing: what a group has in hand is delivered to others. */
  private async listen(path: string, random: Random): Promise<void> {
    const listening = get(this.origin + path, { agent: false }, (response) => response.resume());
    listening.on('error', () => undefined);
    await delay(random.between(100, 1500));
    listening.destroy();
  }

  /** One of the latest sets; not every one of them is made yet. */
  private set(random: Random): string | undefined {
    return this.sets.length === 0 ? undefined : random.pick(this.sets.slice(-200));
  }
}
