import { parse } from '../ask.js';
import { drawManner } from '../place/image-server.js';
import type { Random } from '../random.js';
import type { Promised } from './ledger.js';
import { JSON_TYPE, jsonOf, type Shift } from './shift.js';
import { draw, fieldsOf, WISHES } from '../wishes.js';

/** One thing that a caller does; it resolves when the caller is done with it. */
export type Call = (shift: Shift, random: Random) => Promise<void>;

const CANCELLED_SHARE = 0.1;
const SUBMIT = (query: string) => `/v1/jobs?${query}`;

/** An image as the body of a job. */
export const submitImage: Call = async (shift, random) => {
  const wanted = draw(random, () => shift.pool.nextNumber());
  const { bytes } = shift.image(wanted.image);
  await submit(shift, random, wanted, SUBMIT(WISHES[wanted.wish]!), bytes);
};

/** An image that is uploaded first, and a job that names it. */
export const submitByDigest: Call = async (shift, random) => {
  const wanted = draw(random, () => shift.pool.nextNumber());
  const { bytes, sha256 } = shift.image(wanted.image);
  const kept = await shift.ask('upload', '/v1/images', { method: 'POST', body: bytes });
  if (kept?.status !== 201) return;
  shift.promises.check(parse<{ sha256: string }>(kept).sha256 === sha256, 'an upload has its digest', sha256);
  await submitJson(shift, random, wanted, { sha256 });
};

/** An image that a worker fetches, from a server with manners or without. */
export const submitUrl: Call = async (shift, random) => {
  const manner = drawManner(random);
  const wanted = { ...draw(random, () => shift.pool.nextNumber()), manner };
  shift.image(wanted.image);
  await submitJson(shift, random, wanted, { url: shift.images.url(manner, wanted.image) });
};

/** An image for its levels in the answer, which must be those of the calm run. */
export const extract: Call = async (shift, random) => {
  const wanted = draw(random, () => shift.pool.nextNumber());
  const { bytes } = shift.image(wanted.image);
  const answer = await shift.ask('extract', `/v1/extract?${WISHES[wanted.wish]}`, { method: 'POST', body: bytes });
  if (answer?.status === 200) compare(shift, wanted, answer.body, 'extract');
};

/** The levels of a job that was accepted a while ago. */
export const read: Call = async (shift, random) => {
  const jobs = [...shift.ledger.jobs];
  if (jobs.length === 0) return;
  const [id, promised] = random.pick(jobs);
  const job = await shift.ask('job', `/v1/jobs/${id}`, {});
  if (job?.status !== 200) return;
  const { links, state } = parse<{ state: string; links: { safetensors?: string; archive?: string } }>(job);
  if (state !== 'completed') return;
  const levels = await shift.ask('levels', links.safetensors!, {});
  if (levels?.status === 200) compare(shift, promised, levels.body, `job ${id}`);
  await shift.ask('archive', links.archive!, {});
};

export function compare(shift: Shift, { image, wish }: Promised, file: Buffer, what: string): void {
  const wrong = shift.reference.difference(shift.pool.pictureOf(image), wish, file);
  shift.promises.check(wrong === undefined, 'levels are those of the calm run', `${what}: ${wrong}`);
}

async function submitJson(shift: Shift, random: Random, promised: Promised, source: object): Promise<void> {
  const body = jsonOf({ source, ...fieldsOf(promised.wish) });
  await submit(shift, random, promised, '/v1/jobs', body, JSON_TYPE);
}

async function submit(
  shift: Shift,
  random: Random,
  promised: Promised,
  path: string,
  body: Buffer,
  headers: Record<string, string> = {},
): Promise<void> {
  const cancels = random.chance(CANCELLED_SHARE);
  const answer = await shift.ask('submit', path, { method: 'POST', body, headers });
  if (answer?.status !== 202) return;
  const { id } = parse<{ id: string }>(answer);
  shift.ledger.jobs.set(id, promised);
  if (!cancels) return;
  promised.cancelled = true;
  await shift.ask('cancel', `/v1/jobs/${id}`, { method: 'DELETE' });
}
