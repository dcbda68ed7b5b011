import type { Model } from '../../backbone/catalogue.js';
import { CairnError } from '../../errors.js';
import { countJsonValues } from '../../formats/json-values.js';
import type { Upload } from '../../images/image-source.js';
import type { ImageIntake } from '../../images/intake.js';
import { parseJobOptions, type JobOptions } from '../../jobs/options.js';
import type { ByteReader } from '../http/request-body.js';
import { keepImages, keepWhole, malformed, parseImageInput } from './image-input.js';
import { parseRequestJson, type RequestJson } from './request-schema.js';

/** Images in base64 may be large; numbers are limited by their count. */
export const MAX_REQUEST_JSON_BYTES = 16 << 20;

/** Memory of a parsed value: a list or an object of few takes about this much, a number less. */
const VALUE_BYTES = 64;

/** A client waits for the answer. */
const PRIORITY = 'high';

/** Triton's names of the types; ours are accepted too. */
const DTYPES = new Map([
  ['FP32', 'float32'],
  ['FP16', 'float16'],
  ['UINT8', 'uint8'],
]);

export interface RequestedOutput {
  readonly name: string;
  readonly binary: boolean;
}

/** An inference request, read and checked, its images in the store. */
export interface InferenceRequest {
  readonly id: string | undefined;
  readonly options: JobOptions;
  readonly images: readonly Upload[];
  /** In the client's order; undefined: the default levels of the model. */
  readonly outputs: readonly RequestedOutput[] | undefined;
  /** Whether outputs are binary data by default. */
  readonly binary: boolean;
}

/**
 * Reads a request of the Open Inference Protocol with the binary tensor data extension. `headerLength` is the value of
 * `Inference-Header-Content-Length`: bytes of JSON before the binary data; without it the whole body is JSON. With 0
 * there is no JSON: the body is one encoded image, and the answer is binary.
 *
 * @throws CairnError `request-malformed`, `json-too-large`, `upload-too-large`, `busy`, `option-…`, `level-…`,
 *   `dtype-unknown`, or of the intake.
 */
export async function readInferenceRequest(
  model: Model,
  headerLength: string | undefined,
  body: ByteReader,
  intake: ImageIntake,
  maxJsonValues: number,
): Promise<InferenceRequest> {
  const length = parseHeaderLength(headerLength);
  if (length === 0) {
    const options = optionsOf(model, undefined, {});
    return { id: undefined, options, images: await keepWhole(body, intake), outputs: undefined, binary: true };
  }
  const text =
    length === undefined
      ? await body.all(MAX_REQUEST_JSON_BYTES, 'JSON without binary data')
      : await body.take(length, 'the JSON, of the length that Inference-Header-Content-Length gives');
  body.reserve(parsedBytes(text, maxJsonValues));
  const json = parseRequestJson(text.toString('utf8'));
  const { binary_data_output: binary, ...parameters } = json.parameters;
  const input = parseImageInput(json.inputs, intake.limits);
  if (input.binarySize !== undefined && length === undefined) {
    throw malformed('Binary data needs the header Inference-Header-Content-Length: the length of the JSON before it.');
  }
  const outputs = parseOutputs(json.outputs, binary);
  const options = optionsOf(model, outputs, parameters);
  const someInJson = outputs ? outputs.some((output) => !output.binary) : !binary;
  if (options.spec.dtype === 'float16' && someInJson) {
    throw malformed('FP16 has no form in JSON: ask for binary data, or for FP32 or UINT8.');
  }
  return { id: json.id, options, images: await keepImages(input, body, intake), outputs, binary };
}

/** Memory of a text and of its parsed values. @throws CairnError `json-too-large`. */
function parsedBytes(text: Buffer, maxValues: number): number {
  const values = countJsonValues(text, maxValues);
  if (values <= maxValues) return text.length + values * VALUE_BYTES;
  throw new CairnError(
    'json-too-large',
    `The JSON has more than ${maxValues} values; send pixels as binary data (binary_data_size), or images in base64.`,
  );
}

function parseHeaderLength(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const length = /^\d{1,10}$/.test(header) ? Number(header) : NaN;
  if (length <= MAX_REQUEST_JSON_BYTES) return length;
  throw malformed(
    `Inference-Header-Content-Length must be a whole number up to ${MAX_REQUEST_JSON_BYTES}, not "${header}".`,
  );
}

function parseOutputs(asked: RequestJson['outputs'], binaryByDefault: boolean): RequestedOutput[] | undefined {
  // Triton treats an empty list like none.
  if (!asked || asked.length === 0) return undefined;
  const outputs = asked.map(({ name, parameters }) => ({ name, binary: parameters.binary_data ?? binaryByDefault }));
  const names = outputs.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw malformed(`The output "${twice}" is asked for twice.`);
  return outputs;
}

/** Outputs are levels. Their type is FP32 by default, as the metadata says. */
function optionsOf(
  model: Model,
  outputs: readonly RequestedOutput[] | undefined,
  { dtype = 'FP32', ...parameters }: Omit<Partial<RequestJson['parameters']>, 'binary_data_output'>,
): JobOptions {
  return parseJobOptions({
    ...parameters,
    model: model.name,
    dtype: DTYPES.get(dtype) ?? dtype,
    priority: PRIORITY,
    ...(outputs && { levels: outputs.map(({ name }) => name) }),
  });
}
