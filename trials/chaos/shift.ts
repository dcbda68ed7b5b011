import { createHash } from 'node:crypto';
import { ask, type Answer, type Question } from '../ask.js';
import type { Counts } from '../counts.js';
import type { ImagePool } from '../images.js';
import type { ImageServer } from '../place/image-server.js';
import type { Promises } from '../promises.js';
import type { Ledger } from './ledger.js';
import type { Reference } from './reference.js';

/** Statuses of faults of the place, which a client waits out. */
const OUTAGES = [503, 507];
/** What a job may fail by, where the answer is that of the job, or a reason to come again. */
const REFUSALS = [409, 410, 422, 429];
/** `url-unreachable`: the other server. */
const BAD_GATEWAY = 502;

/** What all callers share. */
export class Shift {
  constructor(
    readonly origin: string,
    readonly pool: ImagePool,
    readonly images: ImageServer,
    readonly ledger: Ledger,
    readonly reference: Reference,
    readonly promises: Promises,
    readonly answers: Counts,
    /** Aborted when no more calls are to begin. */
    readonly signal: AbortSignal,
  ) {}

  /** The bytes of an image, and its digest, which counts as sent. */
  image(number: number): { bytes: Buffer; sha256: string } {
    const bytes = this.pool.image(number);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    this.ledger.sent.add(sha256);
    return { bytes, sha256 };
  }

  /** Asks, counts the answer, and notes one that no client can expect. Undefined where none came. */
  async ask(kind: string, path: string, question: Question): Promise<Answer | undefined> {
    const answer = await ask(this.origin, path, question);
    this.answers.add(`${kind} ${answer ? [answer.status, answer.code].filter(Boolean).join(' ') : 'cut off'}`);
    if (answer) this.judge(kind, answer);
    return answer;
  }

  private judge(kind: string, { status, code, headers, body }: Answer): void {
    const detail = () => `${kind}: ${status} ${body.toString('utf8', 0, 400)}`;
    if (status < 400 || status === 404) return;
    if (OUTAGES.includes(status)) {
      this.promises.check(headers['retry-after'] !== undefined, 'an outage says when to come again', detail());
      return;
    }
    const foreseen = REFUSALS.includes(status) || (status === BAD_GATEWAY && code === 'url-unreachable');
    this.promises.check(foreseen, 'only documented answers are given', detail());
  }
}

export const JSON_TYPE = { 'content-type': 'application/json' };
export const jsonOf = (value: unknown) => Buffer.from(JSON.stringify(value));
