import type { Multipart } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { asCairnError, CairnError } from '../../errors.js';
import type { ImageSource } from '../../jobs/queue/job-payload.js';
import { parseJobOptions, type JobOptions } from './job-options.js';

/** Takes an image's bytes into the store. */
export type Upload = (bytes: Readable) => Promise<ImageSource>;
/** Accepts an address to fetch the image from. */
export type Link = (url: string) => ImageSource;

export interface Submission {
  readonly options: JobOptions;
  readonly source: ImageSource;
}

const jsonSchema = z.looseObject({ source: z.strictObject({ url: z.url({ protocol: /^https?$/ }) }) });

/**
 * Reads a request that brings an image: as its raw body, as the file of a form, or as JSON with the
 * image's URL. Options come from the query and, where there are any, from form fields or JSON; they
 * are checked before the image is taken, except for form fields that follow the file.
 *
 * @throws CairnError `image-missing`, `request-malformed`, `option-…`, and what `upload` throws.
 */
export async function readSubmission(request: FastifyRequest, upload: Upload, link: Link): Promise<Submission> {
  const query = request.query as Record<string, unknown>;
  if (request.isMultipart()) return readForm(request, query, upload);
  if (request.body instanceof Readable) {
    const options = parseJobOptions(query);
    return { options, source: await uploadAll(request.body, upload) };
  }
  if (request.body === undefined || request.body === null)
    throw new CairnError('image-empty', 'The request has no body.');
  const body = jsonSchema.safeParse(request.body);
  if (!body.success) {
    throw new CairnError(
      'request-malformed',
      'JSON must be { "source": { "url": "http(s)://…" } } with options beside "source".',
    );
  }
  const { source, ...fields } = body.data;
  return { options: parseJobOptions({ ...query, ...fields }), source: link(source.url) };
}

async function readForm(request: FastifyRequest, query: Record<string, unknown>, upload: Upload): Promise<Submission> {
  const fields: Record<string, unknown> = {};
  let source: ImageSource | undefined;
  for await (const part of partsOf(request)) {
    if (part.type === 'field') {
      fields[part.fieldname] = part.value;
    } else if (source) {
      throw new CairnError('request-malformed', 'A job takes one image; the form holds several files.');
    } else {
      parseJobOptions({ ...query, ...fields });
      source = await uploadAll(part.file, upload);
    }
  }
  if (!source) throw new CairnError('image-missing', 'The form holds no file.');
  return { options: parseJobOptions({ ...query, ...fields }), source };
}

/**
 * What is left of a refused image is read past: the form goes on behind it, and so does the connection.
 *
 * @throws CairnError `request-malformed` when the client broke off, else what `upload` throws.
 */
async function uploadAll(bytes: Readable, upload: Upload): Promise<ImageSource> {
  try {
    return await upload(bytes);
  } catch (error) {
    if (bytes.errored === null) throw error;
    throw new CairnError('request-malformed', 'The upload broke off before its end.', { cause: error });
  } finally {
    bytes.resume();
  }
}

/** The parts of a form; what the parser refuses is the client's to mend. */
async function* partsOf(request: FastifyRequest): AsyncGenerator<Multipart> {
  try {
    yield* request.parts();
  } catch (error) {
    throw new CairnError('request-malformed', `The form cannot be read: ${asCairnError(error).message}.`, {
      cause: error,
    });
  }
}
