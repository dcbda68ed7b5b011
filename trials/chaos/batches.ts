import { setTimeout as delay } from 'node:timers/promises';
import { pack } from 'tar-stream';
import { parse, type Answer } from '../ask.js';
import { drawManner } from '../place/image-server.js';
import type { Random } from '../random.js';
import type { Call } from './callers.js';
import type { Promised } from './ledger.js';
import type { Shift } from './shift.js';
import { draw, fieldsOf, WISHES } from '../wishes.js';

const LINES = 40;
const CANCELLED_SHARE = 0.15;
const URL_SHARE = 0.4;
const AGAIN_MS = 500;

/** A manifest, of images that are uploaded or at URLs. */
export const submitManifest: Call = async (shift, random) => {
  const lines = new Map<string, Promised>();
  const texts: string[] = [];
  for (let line = 1; line <= LINES; line++) {
    const wanted = draw(random, () => shift.pool.nextNumber());
    const { bytes, sha256 } = shift.image(wanted.image);
    const manner = random.chance(URL_SHARE) ? drawManner(random) : undefined;
    if (manner === undefined) {
      const kept = await shift.ask('upload', '/v1/images', { method: 'POST', body: bytes });
      if (kept?.status !== 201) continue;
    }
    const source = manner === undefined ? { sha256 } : { url: shift.images.url(manner, wanted.image) };
    const name = `${wanted.image}`;
    texts.push(`${JSON.stringify({ source, name, ...fieldsOf(wanted.wish) })}\n`);
    lines.set(name, { ...wanted, ...(manner && { manner }) });
  }
  if (lines.size > 0) await submit(shift, random, Buffer.from(texts.join('')), '/v1/batches', lines);
};

/** A tar of images, all with the same wish. */
export const submitTar: Call = async (shift, random) => {
  const lines = new Map<string, Promised>();
  const wish = random.below(WISHES.length);
  const tar = pack();
  for (let line = 1; line <= LINES; line++) {
    const image = shift.pool.nextNumber();
    tar.entry({ name: `${image}` }, shift.image(image).bytes);
    lines.set(`${image}`, { image, wish });
  }
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  await submit(shift, random, Buffer.concat(chunks), `/v1/batches?${WISHES[wish]}`, lines);
};

/** Repeats the submission under its key until it is answered: what was accepted is known then. */
async function submit(
  shift: Shift,
  random: Random,
  body: Buffer,
  path: string,
  lines: ReadonlyMap<string, Promised>,
): Promise<void> {
  const key = `${random.below(2 ** 32)}-${random.below(2 ** 32)}`;
  const cancels = random.chance(CANCELLED_SHARE);
  let answer: Answer | undefined;
  do {
    answer = await shift.ask('batch', path, { method: 'POST', body, headers: { 'idempotency-key': key } });
    if (answer?.status === 202 || answer?.status === 200) break;
    await delay(AGAIN_MS);
  } while (!shift.signal.aborted);
  if (answer?.status !== 202 && answer?.status !== 200) return;
  const { id, total } = parse<{ id: string; total: number }>(answer);
  shift.promises.check(total === lines.size, 'a batch has all of its lines', `${id}: ${total} of ${lines.size}`);
  shift.ledger.batches.set(id, { lines, cancelled: cancels });
  if (!cancels) return;
  await delay(random.between(0, 3000));
  await shift.ask('cancel batch', `/v1/batches/${id}`, { method: 'DELETE' });
}
