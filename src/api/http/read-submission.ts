import type { Multipart } from '@fastify/multipart';
import type { ContentObject } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { asCairnError, CairnError } from '../../errors.js';
import { givenSourceSchema, type ImageSource } from '../../images/image-source.js';
import type { ImageIntake } from '../../images/intake.js';
import { jobOptionsSchema, parseJobOptions, type GivenOptions, type JobOptions } from '../../jobs/options.js';
import { binary, body } from '../openapi/operation.js';
import { refuseManyKeys } from './zod-pipe.js';

interface Submission {
  readonly options: JobOptions;
  readonly source: ImageSource;
}

const jsonSchema = z.looseObject({ source: givenSourceSchema });
const FORM = '{ "source": { "url": "http(s)://…" } } or { "source": { "sha256": "…" } } with options beside "source"';
const BRACE = '{'.charCodeAt(0);

const jsonRequestSchema = jobOptionsSchema.extend({ source: givenSourceSchema }).meta({
  id: 'JobRequest',
  description: 'Options, and an image that is not sent along: at a URL, or in the store under its digest.',
});
const formSchema = jobOptionsSchema.extend({ image: z.file() }).meta({
  id: 'JobForm',
  description: 'Options, and after them an image as a file.',
});

/** What `readSubmission` reads, for the OpenAPI document. */
export const SUBMISSION_BODY: ContentObject = {
  ...binary('image/*'),
  ...body('multipart/form-data', formSchema),
  ...body('application/json', jsonRequestSchema, { source: { url: 'https://example.org/photo.jpg' }, levels: ['C4'] }),
};

/**
 * Reads a request that brings an image: as its raw body, as the file of a form, or as JSON with the
 * image's URL or digest. Options come from the query (`given`) and from form fields or JSON. They are checked before
 * the image is stored, except for form fields that follow the file.
 *
 * @throws CairnError `image-missing`, `request-malformed`, `option-…`, and those of the intake.
 */
export async function readSubmission(
  request: FastifyRequest,
  intake: ImageIntake,
  given: GivenOptions = request.query as GivenOptions,
): Promise<Submission> {
  if (request.isMultipart()) return readForm(request, given, intake);
  if (request.body instanceof Readable) {
    const options = parseJobOptions(given);
    await refuseJson(request.body, request.headers['content-type']);
    return { options, source: await intake.receive(request.body) };
  }
  if (request.body === undefined || request.body === null)
    throw new CairnError('image-empty', 'The request has no body.');
  refuseManyKeys(request.body);
  const parsed = jsonSchema.safeParse(request.body);
  if (!parsed.success) throw new CairnError('request-malformed', `JSON must be ${FORM}.`);
  const { source, ...fields } = parsed.data;
  return { options: parseJobOptions({ ...given, ...fields }), source: await intake.find(source) };
}

/** JSON under another content type, as `curl -d` sends it, would be refused as an unreadable image. */
async function refuseJson(bytes: Readable, type: string | undefined): Promise<void> {
  if (type?.startsWith('image/')) return;
  const first = await firstByte(bytes);
  if (!first) return;
  bytes.unshift(first);
  if (first[0] !== BRACE) return;
  bytes.resume();
  const sent = type === undefined ? 'none' : `"${type}"`;
  throw new CairnError(
    'request-malformed',
    `The body looks like JSON, which needs the header "Content-Type: application/json"; the request has ${sent}.`,
  );
}

/** Null where a body is empty: its `readable` may have come before anybody waited, and its `end` comes when it is read. */
async function firstByte(bytes: Readable): Promise<Buffer | null> {
  const first = bytes.read(1) as Buffer | null;
  if (first || bytes.readableEnded || bytes.destroyed) return first;
  const heard = new AbortController();
  const events = ['readable', 'end', 'close'].map((name) => once(bytes, name, { signal: heard.signal }));
  await Promise.race(events).catch(() => undefined);
  heard.abort();
  await Promise.allSettled(events);
  return bytes.read(1) as Buffer | null;
}

async function readForm(request: FastifyRequest, given: GivenOptions, intake: ImageIntake): Promise<Submission> {
  const fields: Record<string, unknown> = {};
  let source: ImageSource | undefined;
  for await (const part of partsOf(request)) {
    if (part.type === 'field') {
      fields[part.fieldname] = part.value;
    } else if (source) {
      throw new CairnError('request-malformed', 'A job takes one image; the form holds several files.');
    } else {
      parseJobOptions({ ...given, ...fields });
      source = await intake.receive(part.file);
    }
  }
  if (!source) throw new CairnError('image-missing', 'The form holds no file.');
  return { options: parseJobOptions({ ...given, ...fields }), source };
}

/** The parts of a form, within the limits of one route or those of the server. Errors of the parser are errors of the client. */
export async function* partsOf(
  request: FastifyRequest,
  limits?: { readonly files: number; readonly parts: number },
): AsyncGenerator<Multipart> {
  try {
    yield* request.parts(limits && { limits });
  } catch (error) {
    throw new CairnError('request-malformed', `The form cannot be read: ${asCairnError(error).message}.`, {
      cause: error,
    });
  }
}
