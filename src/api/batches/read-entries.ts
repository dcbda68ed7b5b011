import type { Multipart } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { CairnError } from '../../errors.js';
import { UnpackLimit } from '../../formats/inflation.js';
import type { Store } from '../../features/store/store.js';
import type { ImageIntake } from '../../images/intake.js';
import type { GivenOptions } from '../../jobs/options.js';
import { gunzip, kindOf, peek } from '../../batches/entries/body-kind.js';
import type { Entry } from '../../batches/entries/entry.js';
import { imageEntry } from '../../batches/entries/image-entry.js';
import { jsonEntry, ndjsonEntries } from '../../batches/entries/ndjson-entries.js';
import { tarEntries } from '../../batches/entries/tar-entries.js';
import { zipEntries } from '../../batches/entries/zip-entries.js';
import { partsOf } from '../http/read-submission.js';
import { refuseManyKeys } from '../http/zod-pipe.js';
import { ended, type Fingerprint } from './fingerprint.js';

/** The parser remembers every part of a form until its end; a tar or a manifest may have more images. */
export const MAX_FILES = 10_000;
const FORM_LIMITS = { files: MAX_FILES, parts: MAX_FILES + 100 };

/**
 * The entries of a batch, which is a manifest, an archive of images, or a form of files. A `fingerprint` takes in the parts of
 * a form.
 *
 * @throws CairnError `request-malformed` or `batch-too-large` when the rest cannot be read, and those of the store.
 */
export async function* readEntries(
  request: FastifyRequest,
  store: Store,
  intake: ImageIntake,
  useOptions: (fields: GivenOptions) => void,
  fingerprint?: Fingerprint,
): AsyncGenerator<Entry> {
  if (request.isMultipart()) yield* formEntries(request, intake, useOptions, fingerprint);
  else if (request.body instanceof Readable)
    yield* entriesOf(received(request.body, intake.limits.maxBatchBytes), store, intake);
  else if (request.body !== undefined && request.body !== null) {
    refuseManyKeys(request.body);
    yield await jsonEntry(request.body, intake);
  }
}

/**
 * The files of a form, each an image. Calls `useOptions` with the fields before the first file, so that wrong options are
 * refused before an image is stored.
 *
 * @throws CairnError `request-malformed` when the form cannot be read, or has a field after a file.
 */
async function* formEntries(
  request: FastifyRequest,
  intake: ImageIntake,
  useOptions: (fields: GivenOptions) => void,
  fingerprint?: Fingerprint,
): AsyncGenerator<Entry> {
  const options: Record<string, unknown> = {};
  let line = 0;
  const { socket } = request.raw;
  const { maxBatchBytes = Infinity } = intake.limits;
  const before = socket.bytesRead;
  for await (const part of partsOf(request, FORM_LIMITS)) {
    if (socket.bytesRead - before > maxBatchBytes) throw tooLarge(maxBatchBytes);
    if (fingerprint) notePart(part, fingerprint);
    if (part.type === 'file') {
      if (line === 0) useOptions(options);
      yield await imageEntry({ line: ++line, name: part.filename, options }, part.file, intake);
      // The rest of an image that was refused counts before the next part.
      if (fingerprint) await ended(part.file);
    } else if (line > 0) {
      throw new CairnError('request-malformed', 'The options of a form must come before its files.');
    } else {
      options[part.fieldname] = part.value;
    }
  }
}

/** Reads a body for its fingerprint alone. @throws CairnError `request-malformed` when it cannot be read. */
export async function skipEntries(request: FastifyRequest, fingerprint: Fingerprint): Promise<void> {
  if (!request.isMultipart()) return;
  for await (const part of partsOf(request, FORM_LIMITS)) {
    notePart(part, fingerprint);
    if (part.type === 'file') await ended(part.file);
  }
}

function notePart(part: Multipart, fingerprint: Fingerprint): void {
  if (part.type === 'field') {
    fingerprint.note(['field', part.fieldname, part.value]);
    return;
  }
  fingerprint.note(['file', part.filename]);
  fingerprint.watch(part.file);
}

async function* entriesOf(
  chunks: AsyncIterable<Uint8Array>,
  store: Store,
  intake: ImageIntake,
  limit?: UnpackLimit,
): AsyncGenerator<Entry> {
  const { head, all } = await peek(chunks);
  const kind = kindOf(head);
  if (kind === 'ndjson') limit?.isText();
  if (kind === 'gzip' && !limit) yield* unpacked(all, store, intake);
  else if (kind === 'tar') yield* tarEntries(all, intake);
  else if (kind === 'zip') yield* zipEntries(all, store, intake);
  else if (kind === 'ndjson') yield* ndjsonEntries(all, intake);
  else {
    const known = 'an NDJSON manifest, a tar or zip of images (or one of these in gzip), or a form of files';
    throw new CairnError('request-malformed', `A batch is ${known}; a single image goes to /v1/jobs.`);
  }
}

function unpacked(chunks: AsyncIterable<Uint8Array>, store: Store, intake: ImageIntake): AsyncGenerator<Entry> {
  const limit = new UnpackLimit(intake.limits.maxRatio, 'batch-too-large', intake.limits.maxBatchBytes);
  return entriesOf(gunzip(chunks, limit), store, intake, limit);
}

/**
 * The body of a request, which is not destroyed: a destroyed request cannot be answered.
 *
 * @throws CairnError `batch-too-large` beyond `maxBytes`, `request-malformed` where it is cut off.
 */
async function* received(body: Readable, maxBytes = Infinity): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  const chunks = body.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
  try {
    for await (const chunk of chunks) {
      if ((bytes += chunk.length) > maxBytes) throw tooLarge(maxBytes);
      yield chunk;
    }
  } catch (cause) {
    if (cause instanceof CairnError) throw cause;
    throw new CairnError('request-malformed', 'The upload was cut off.', { cause });
  }
}

function tooLarge(maxBytes: number): CairnError {
  return new CairnError(
    'batch-too-large',
    `The body of a batch has at most ${maxBytes} bytes (CAIRN_BATCH_MAX_BYTES).`,
  );
}
