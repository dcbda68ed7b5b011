import type { Multipart } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { asCairnError, CairnError } from '../../errors.js';
import { givenSourceSchema, type ImageSource } from '../../images/image-source.js';
import type { ImageIntake } from '../../images/intake.js';
import { parseJobOptions, type GivenOptions, type JobOptions } from '../../jobs/options.js';

export interface Submission {
  readonly options: JobOptions;
  readonly source: ImageSource;
}

const jsonSchema = z.looseObject({ source: givenSourceSchema });

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
    return { options, source: await intake.receive(request.body) };
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
  return { options: parseJobOptions({ ...given, ...fields }), source: await intake.find(source) };
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
