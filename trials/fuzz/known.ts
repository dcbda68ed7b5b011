import { setTimeout as delay } from 'node:timers/promises';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ask, parse, type Answer, type Question } from '../ask.js';
import { KNOWN_NAMES, placeholder, type KnownName } from './values.js';

const PHOTO = fileURLToPath(new URL('../../../test/fixtures/images/portrait.png', import.meta.url));
const OPTIONS = 'model=mask-rcnn-resnet18&size=64';
const WITHIN_MS = 60_000;

/** What the server has: made before the fuzzing, so that requests lead to something. */
export class Known {
  private constructor(private readonly ids: Readonly<Record<KnownName, string>>) {}

  static async make(origin: string): Promise<Known> {
    const image = readFileSync(PHOTO);
    const call = async (path: string, question: Question = {}): Promise<Answer> => {
      const answer = await ask(origin, path, question);
      if (!answer || answer.status >= 400) throw new Error(`${path}: ${answer?.status} ${answer?.body.toString()}`);
      return answer;
    };
    const post = (path: string, body: Uint8Array) => call(path, { method: 'POST', body });
    const finished = async (path: string) => {
      const deadline = Date.now() + WITHIN_MS;
      for (;;) {
        const view = parse<{ state: string; features?: { id: string } }>(await call(path));
        if (!['queued', 'active', 'running'].includes(view.state)) return view;
        if (Date.now() > deadline) throw new Error(`${path} is ${view.state} after ${WITHIN_MS / 1000} s`);
        await delay(100);
      }
    };
    const { sha256 } = parse<{ sha256: string }>(await post('/v1/images', image));
    const job = parse<{ id: string }>(await post(`/v1/jobs?${OPTIONS}`, image)).id;
    const features = (await finished(`/v1/jobs/${job}`)).features!.id;
    const other = parse<{ id: string }>(await post(`/v1/jobs?${OPTIONS}&dtype=uint8`, image)).id;
    const features8 = (await finished(`/v1/jobs/${other}`)).features!.id;
    // Its header is sound.
    const failedJob = parse<{ id: string }>(await post(`/v1/jobs?${OPTIONS}`, image.subarray(0, image.length / 2))).id;
    await finished(`/v1/jobs/${failedJob}`);
    const line = { source: { sha256 }, name: 'a', model: 'mask-rcnn-resnet18', size: 64 };
    const batch = parse<{ id: string }>(await post('/v1/batches', Buffer.from(`${JSON.stringify(line)}\n`))).id;
    await finished(`/v1/batches/${batch}`);
    const etag = String((await call(`/v1/features/${features}.zarr.zip`)).headers.etag);
    const group = 'fuzzed';
    await ask(origin, `/v1/stream?group=${group}&consumer=a&from=0`, { timeoutMs: 500 });
    return new Known({ features, features8, job, failedJob, batch, image: sha256, etag, group, announcement: '1-1' });
  }

  /** A text with ids in place of their placeholders. */
  fill(text: string): string {
    return KNOWN_NAMES.reduce((filled, name) => filled.replaceAll(placeholder(name), () => this.ids[name]), text);
  }

  fillBytes(bytes: Buffer): Buffer {
    // Latin-1 keeps all bytes.
    return bytes.includes('$') ? Buffer.from(this.fill(bytes.toString('latin1')), 'latin1') : bytes;
  }
}
