import type { Multipart } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { asCairnError, CairnError } from '../../errors.js';
import type { ImageSource } from '../../jobs/payload.js';
import type { ImageIntake, Upload } from '../../images/intake.js';
import { parseJobOptions, type JobOptions } from '../../jobs/options.js';

/** What is asked beside the image, not checked yet. */
export type GivenOptions = Readonly<Record<string, unknown>>;

export interface Submission {
  readonly options: JobOptions;
  readonly source: ImageSource;
}

/** Where an image is that does not come with the request: on the web, or in the store under the digest of its bytes. */
export const sourceSchema = z.union([
  z.strictObject({ url: z.url({ protocol: /^https?$/ }) }),
  z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
]);
export type GivenSource = z.infer<typeof sourceSchema>;

const jsonSchema = z.looseObject({ source: sourceSchema });

/**
 * Reads a request that brings an image: as its raw body, as the file of a form, or as JSON with the
 * image's URL or digest. Options come from the query (`given`) and, where there are any, from form fields or JSON; they
 * are checked before the image is taken, except for form fields that follow the file.
 *
 * @throws CairnError `image-missing`, `request-malformed`, `option-…`, and what the intake throws.
 */
export async function readSubmission(
  request: FastifyRequest,
  intake: ImageIntake,
  given: GivenOptions = request.query as GivenOptions,
): Promise<Submission> {
  if (request.isMultipart()) return readForm(request, given, intake);
  if (request.body instanceof Readable) {
    const options = parseJobOptions(given);
    return { options, source: await uploadAll(request.body, intake) };
  }
  if (request.body === undefined || request.body === null)
    throw new CairnError('image-empty', 'The request has no body.');
  const body = jsonSchema.safeParse(request.body);
  if (!body.success) {
    throw new CairnError(
      'request-malformed',
      'JSON must be { "source": { "url": "http(s)://…" } } or { "source": { "sha256": "…" } } with options beside "source".',
    );
  }
  const { source, ...fields } = body.data;
  return { options: parseJobOptions({ ...given, ...fields }), source: await findSource(source, intake) };
}

/** @throws CairnError `image-missing` for a digest that the store does not have. */
export async function findSource(source: GivenSource, intake: ImageIntake): Promise<ImageSource> {
  return 'url' in source ? intake.link(source.url) : intake.find(source.sha256);
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
      source = await uploadAll(part.file, intake);
    }
  }
  if (!source) throw new CairnError('image-missing', 'The form holds no file.');
  return { options: parseJobOptions({ ...given, ...fields }), source };
}

/**
 * What is left of a refused image is read past: the form goes on behind it, and so does the connection.
 *
 * @throws CairnError `request-malformed` when the client broke off, else what the intake throws.
 */
export async function uploadAll(bytes: Readable, intake: ImageIntake): Promise<Upload> {
  try {
    return await intake.upload(bytes);
  } catch (error) {
    if (bytes.errored === null) throw error;
    throw new CairnError('request-malformed', 'The upload broke off before its end.', { cause: error });
  } finally {
    bytes.resume();
  }
}

/** Limits of one route that differ from those of the server. */
export interface FormLimits {
  readonly files: number;
  readonly parts: number;
}

/** The parts of a form; what the parser refuses is the client's to mend. */
export async function* partsOf(request: FastifyRequest, limits?: FormLimits): AsyncGenerator<Multipart> {
  try {
    yield* request.parts(limits && { limits: { ...limits } });
  } catch (error) {
    throw new CairnError('request-malformed', `The form cannot be read: ${asCairnError(error).message}.`, {
      cause: error,
    });
  }
}
