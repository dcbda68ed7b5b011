import { describeModel } from '../../backbone/describe-model.js';
import { DEFAULT_SIZE, listModels, type Model } from '../../backbone/catalogue.js';
import { CairnError } from '../../errors.js';
import { FILES_INPUT, INPUT_DATATYPES, PIXELS_INPUT } from './image-input.js';

const PLATFORM = 'cairn';
/** Of every model: other weights are another digest, not another version. */
export const MODEL_VERSION = '1';
export const VERSIONS = [MODEL_VERSION];

const INPUT_SHAPES: Readonly<Record<string, readonly number[]>> = {
  [PIXELS_INPUT]: [-1, -1, -1, 3],
  [FILES_INPUT]: [-1],
};

export interface TensorMetadata {
  readonly name: string;
  readonly datatype: string;
  /** -1: any length. */
  readonly shape: readonly number[];
}

export interface ModelMetadata {
  readonly name: string;
  readonly versions: readonly string[];
  readonly platform: string;
  /** Exactly one of them is given. */
  readonly inputs: readonly TensorMetadata[];
  /** Every level that the model has, as it is where a request says nothing of size and type. */
  readonly outputs: readonly TensorMetadata[];
}

/** @throws CairnError `model-not-found`, also for another version. */
export function modelOf(name: string, version = MODEL_VERSION): Model {
  const model = listModels().find((entry) => entry.name === name);
  if (!model)
    throw new CairnError('model-not-found', `There is no model "${name}"; POST /v2/repository/index lists them.`);
  if (version === MODEL_VERSION) return model;
  throw new CairnError('model-not-found', `Model ${name} has version ${MODEL_VERSION} only, not "${version}".`);
}

export function modelMetadata(model: Model): ModelMetadata {
  const { levels, pyramid } = describeModel(model, true, DEFAULT_SIZE);
  const inputs = [...INPUT_DATATYPES].map(([name, datatype]) => ({ name, datatype, shape: INPUT_SHAPES[name]! }));
  const outputs = [...levels, ...(pyramid?.levels ?? [])].map(({ name, shape }) => ({
    name,
    datatype: 'FP32',
    shape: [-1, ...shape],
  }));
  return { name: model.name, versions: VERSIONS, platform: PLATFORM, inputs, outputs };
}

/** As Triton's model configuration extension tells of a model that does its own batching. */
export function modelConfiguration(model: Model) {
  const { name, platform, inputs, outputs } = modelMetadata(model);
  const tensor = ({ name, datatype, shape }: TensorMetadata) => ({
    name,
    // Triton's one exception: bytes are called strings.
    data_type: `TYPE_${datatype === 'BYTES' ? 'STRING' : datatype}`,
    dims: shape,
  });
  return {
    name,
    platform,
    backend: PLATFORM,
    version_policy: { latest: { num_versions: 1 } },
    max_batch_size: 0,
    input: inputs.map((input) => ({ ...tensor(input), optional: true })),
    output: outputs.map(tensor),
  };
}
