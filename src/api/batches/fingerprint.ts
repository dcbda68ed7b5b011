import type { FastifyRequest } from 'fastify';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { CairnError } from '../../errors.js';

/**
 * Identifies what a request sends, so that an Idempotency-Key that comes again can be compared: its query, and its body as it
 * is read by others. Of a form, whose boundary is another one each time, the parts count instead of the bytes.
 */
export class Fingerprint {
  private readonly hash = createHash('sha256');
  private readonly body: Readable | undefined;

  /** To be made before anything of the body is read. */
  constructor(request: FastifyRequest) {
    const { query, body } = request;
    this.note(Object.entries(query as object).sort(([a], [b]) => (a < b ? -1 : 1)));
    if (request.isMultipart()) return;
    if (body instanceof Readable) this.watch((this.body = body));
    else this.note(body);
  }

  note(value: unknown): void {
    this.hash.update(`${JSON.stringify(value)}\n`);
  }

  /** Takes in what is read of a stream from now on, without reading any of it. */
  watch(bytes: Readable): void {
    // A listener alone would make it flow.
    bytes.pause().on('data', (chunk: Uint8Array) => this.hash.update(chunk));
  }

  /** SHA-256 in hexadecimal digits, once the body has ended. @throws CairnError `request-malformed` for one that is cut off. */
  async digest(): Promise<string> {
    if (this.body) await ended(this.body);
    return this.hash.digest('hex');
  }
}

/** Drains a stream; its listeners have all of it then. @throws CairnError `request-malformed` for one that is cut off. */
export async function ended(bytes: Readable): Promise<void> {
  bytes.resume();
  try {
    await finished(bytes, { writable: false });
  } catch (cause) {
    throw new CairnError('request-malformed', 'The upload was cut off.', { cause });
  }
}
