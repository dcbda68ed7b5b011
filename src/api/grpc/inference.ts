import type { Caller } from '../../keys/api-key.js';
import { inOrder, bandPieces } from '../../features/band-stream.js';
import type { ArchiveReader } from '../../features/archive-reader.js';
import type { BandBudget } from '../../features/band-budget.js';
import { levelBytes } from '../../features/safetensors.js';
import type { ImageIntake } from '../../images/intake.js';
import type { JobService } from '../../jobs/service.js';
import type { ByteBudget, ByteLease } from '../http/byte-budget.js';
import { ByteReader } from '../http/request-body.js';
import { malformed } from '../inference/image-input.js';
import { readInferenceRequest, type InferenceRequest } from '../inference/inference-request.js';
import { MODEL_VERSION, modelOf } from '../inference/model-metadata.js';
import { DATATYPES, quantizationOf } from '../inference/response-stream.js';
import { textParameters, valueOf, type InferRequest, type InferResponse, type InputTensor } from './messages.js';

export interface InferenceParts {
  readonly intake: ImageIntake;
  readonly jobs: JobService;
  /** Memory for requests and responses: a message is whole before it is handed over. */
  readonly memory: ByteBudget;
  readonly streams: BandBudget;
  readonly maxJsonValues: number;
}

const LENGTH_BYTES = 4;

/**
 * The levels of a request's images: one response for each output, in the order in which they were asked for. The work is that
 * of `POST /v2/models/{model}/infer`, with the same limits and errors.
 *
 * A response is made when it is asked for; until the next one is, its bytes count as memory in use. What is pulled by
 * `gone` is cancelled.
 */
export async function* infer(
  request: InferRequest,
  caller: Caller | undefined,
  gone: AbortSignal,
  parts: InferenceParts,
): AsyncGenerator<InferResponse> {
  const { jobs, memory, streams } = parts;
  const inference = await readRequest(request, parts);
  const archives = await jobs.openAll(inference.options, inference.images, gone, caller);
  const lease = memory.lease();
  try {
    const share = await streams.wait(gone);
    try {
      const names = inference.outputs?.map(({ name }) => name) ?? archives[0]!.select().map(({ name }) => name);
      for (const name of names) yield await responseOf(request, archives, name, share, lease);
    } finally {
      share.leave();
    }
  } finally {
    lease.release();
    await Promise.all(archives.map((archive) => archive.close()));
  }
}

/** Reads a message as the body that a client of REST would have sent: JSON, then binary data. */
async function readRequest(request: InferRequest, parts: InferenceParts): Promise<InferenceRequest> {
  const model = modelOf(request.model_name, request.model_version || undefined);
  const data = request.inputs.map((input, i) => contentsOf(input, request.raw_input_contents[i]));
  if (request.raw_input_contents.length > request.inputs.length) {
    throw malformed('raw_input_contents has more entries than there are inputs.');
  }
  const values = (parameters: InferRequest['parameters']) =>
    Object.fromEntries(Object.entries(parameters).map(([name, parameter]) => [name, valueOf(parameter)]));
  const json = Buffer.from(
    JSON.stringify({
      id: request.id,
      // An output is raw, whatever its parameters say of binary data.
      parameters: { ...values(request.parameters), binary_data_output: true },
      inputs: request.inputs.map(({ name, datatype, shape }, i) => {
        return { name, datatype, shape, parameters: { binary_data_size: data[i]!.length } };
      }),
      outputs: request.outputs.map(({ name }) => ({ name })),
    }),
  );
  const lease = parts.memory.lease();
  try {
    const reader = new ByteReader(chunks([json, ...data]), lease);
    lease.take(data.reduce((total, { length }) => total + length, 0));
    return await readInferenceRequest(model, String(json.length), reader, parts.intake, parts.maxJsonValues);
  } finally {
    lease.release();
  }
}

/** The data of an input in the form of raw contents. */
function contentsOf({ name, contents }: InputTensor, raw: Buffer | undefined): Buffer {
  const { uint_contents: integers = [], bytes_contents: files = [] } = contents ?? {};
  if (raw !== undefined) {
    if (integers.length > 0 || files.length > 0) throw malformed(`${name} has both contents and raw contents.`);
    return raw;
  }
  if (files.length > 0) {
    return Buffer.concat(
      files.flatMap((file) => {
        const length = Buffer.alloc(LENGTH_BYTES);
        length.writeUInt32LE(file.length);
        return [length, file];
      }),
    );
  }
  if (!integers.every((value) => value <= 255)) throw malformed('uint_contents of UINT8 are from 0 to 255.');
  return Buffer.from(integers);
}

// eslint-disable-next-line @typescript-eslint/require-await -- a reader takes chunks that arrive
async function* chunks(parts: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* parts;
}

async function responseOf(
  request: InferRequest,
  archives: readonly ArchiveReader[],
  name: string,
  share: { readonly limit: number },
  lease: ByteLease,
): Promise<InferResponse> {
  const level = archives[0]!.select([name])[0]!;
  const bytes = levelBytes(level) * archives.length;
  lease.take(bytes);
  const data = Buffer.allocUnsafeSlow(bytes);
  let at = 0;
  for await (const band of inOrder(bandPieces(archives, level), share)) {
    data.set(band, at);
    at += band.byteLength;
  }
  const { dtype, shape } = level;
  const parameters = textParameters(quantizationOf(archives, name));
  return {
    model_name: request.model_name,
    model_version: MODEL_VERSION,
    id: request.id,
    parameters: textParameters({ features: archives.map(({ description }) => description.id).join(',') }),
    outputs: [{ name, datatype: DATATYPES[dtype], shape: [archives.length, ...shape], parameters }],
    raw_output_contents: [data],
  };
}

/** Responses of one output each as one. */
export async function wholeResponse(responses: AsyncIterable<InferResponse>): Promise<InferResponse> {
  const parts: InferResponse[] = [];
  for await (const response of responses) parts.push(response);
  return {
    ...parts[0]!,
    outputs: parts.flatMap(({ outputs }) => outputs),
    raw_output_contents: parts.flatMap((part) => part.raw_output_contents),
  };
}
