import { mkdtemp, rm } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { peakMemoryMb, Service, startRedis } from './service.js';

const QUESTION = 'model=mask-rcnn-resnet18&size=1024&levels=P2,P3,P4,P5,P6&dtype=float32';
/** A client that reads slowly does so in pieces of this. */
const SLOW_STEP_MS = 50;
/** How long what was left has to be cleaned up, garbage collection included. */
const SETTLE_MS = 5000;

export interface Received {
  readonly firstByteMs: number;
  readonly wallMs: number;
  readonly bytes: number;
}

/** An API whose store holds one pyramid; no worker runs any more. */
export class ServedPyramid {
  private constructor(
    private readonly folder: string,
    private readonly redis: Awaited<ReturnType<typeof startRedis>>,
    private readonly api: Service,
    private readonly image: Buffer,
    private readonly path: string,
    readonly decodedBytes: number,
  ) {}

  static async make(image: Buffer): Promise<ServedPyramid> {
    const folder = await mkdtemp(join(tmpdir(), 'cairn-bench-'));
    const redis = await startRedis();
    const env = { REDIS_URL: redis.url, CAIRN_DATA_DIR: folder };
    const api = await Service.start('api', env);
    const worker = await Service.start('worker', env);
    const response = await fetch(`${api.url}/v1/extract?${QUESTION}`, {
      method: 'POST',
      body: new Uint8Array(image),
      headers: { 'content-type': 'image/jpeg' },
    });
    const { byteLength } = await response.arrayBuffer();
    await worker.end();
    if (!response.ok) throw new Error(`The pyramid was not made: ${response.status}.`);
    const path = response.headers.get('content-location')!.replace('.safetensors', '');
    return new ServedPyramid(folder, redis, api, image, path, byteLength);
  }

  /** `POST /v1/extract` of the image, as from a client that never asked before. */
  async extract(): Promise<Received> {
    const begun = performance.now();
    return receive(await this.ask(), begun);
  }

  async get(form: 'safetensors' | 'zarr.zip', headers: Record<string, string> = {}): Promise<Received> {
    const begun = performance.now();
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request(`${this.api.url}${this.path}.${form}`, { headers, agent: false }, resolve).once('error', reject).end();
    });
    return receive(response, begun);
  }

  /** p99 of the API's event loop since this was last asked. */
  async loopDelayMs(): Promise<{ p99: number }> {
    return { p99: 1000 * (await this.api.metric('nodejs_eventloop_lag_p99_seconds')) };
  }

  /** How far the API's memory rises above where it was while one client reads slowly. */
  async slowClient(bytesPerSecond: number, seconds: number) {
    const before = await this.api.memoryMb();
    const response = await this.ask();
    const step = (bytesPerSecond * SLOW_STEP_MS) / 1000;
    const deadline = performance.now() + seconds * 1000;
    let [bytes, most] = [0, before];
    while (performance.now() < deadline && !response.readableEnded) {
      for (let left = step; left > 0;) {
        const chunk = response.read(Math.min(left, response.readableLength || 1)) as Buffer | null;
        if (!chunk) break;
        left -= chunk.length;
        bytes += chunk.length;
      }
      most = Math.max(most, await this.api.memoryMb());
      await delay(SLOW_STEP_MS);
    }
    response.destroy();
    return { megabytes: bytes / 1e6, rssBeforeMb: before, rssGrowthMb: most - before };
  }

  /** Clients that leave in the middle of their answers, twenty at a time, in waves: what is left must not grow with them. */
  async leavingClients(count: number, waves: number) {
    const state = async () => ({ handles: await this.api.handles(), rssMb: await this.api.memoryMb() });
    const states = [await state()];
    for (let wave = 0; wave < waves; wave++) {
      for (let done = 0; done < count; done += 20) {
        const answers = await Promise.all(Array.from({ length: Math.min(20, count - done) }, () => this.ask()));
        for (const answer of answers) answer.destroy();
      }
      await delay(SETTLE_MS);
      states.push(await state());
    }
    return { states, peakMb: await peakMemoryMb(this.api.pid) };
  }

  async close(): Promise<void> {
    await this.api.end();
    await this.redis.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  private ask(): Promise<IncomingMessage> {
    const headers = { 'content-type': 'image/jpeg', 'content-length': String(this.image.length) };
    return new Promise((resolve, reject) => {
      const options = { method: 'POST', headers, agent: false };
      request(`${this.api.url}/v1/extract?${QUESTION}`, options, resolve).once('error', reject).end(this.image);
    });
  }
}

/** Reads an answer as fast as it comes. */
async function receive(response: IncomingMessage, begun: number): Promise<Received> {
  let [bytes, firstByteMs] = [0, 0];
  for await (const chunk of response as AsyncIterable<Buffer>) {
    firstByteMs ||= performance.now() - begun;
    bytes += chunk.length;
  }
  if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
  return { firstByteMs, wallMs: performance.now() - begun, bytes };
}
