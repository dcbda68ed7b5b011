import { z } from 'zod';
import { DEFAULT_SIZE, listModels, type Model } from '../../backbone/catalogue.js';
import { knownModel } from '../../backbone/describe-model.js';
import { CairnError } from '../../errors.js';
import { INPUTS } from './image-input.js';

const PLATFORM = 'cairn';
/** The only version of every model: other weights have another digest, not another version. */
export const MODEL_VERSION = '1';
const VERSIONS = [MODEL_VERSION];

const tensorSchema = z
  .object({
    name: z.string(),
    datatype: z.string(),
    shape: z.array(z.int()).meta({ description: '-1 is any length.' }),
  })
  .meta({ id: 'TensorMetadata', description: 'An input or output of a model.' });
export type TensorMetadata = z.infer<typeof tensorSchema>;

export const modelMetadataSchema = z
  .object({
    name: z.string(),
    versions: z.array(z.string()),
    platform: z.string(),
    inputs: z.array(tensorSchema).meta({ description: 'A request has exactly one of them.' }),
    outputs: z.array(tensorSchema).meta({
      description:
        'Every level, in the default size and type; the parameters `size` and `dtype` of a request change them.',
    }),
  })
  .meta({ id: 'ModelMetadata', description: 'Inputs and outputs of a model.' });
export type ModelMetadata = z.infer<typeof modelMetadataSchema>;

const configTensor = z.object({ name: z.string(), data_type: z.string(), dims: z.array(z.int()) });

export const modelConfigurationSchema = z
  .object({
    name: z.string(),
    platform: z.string(),
    backend: z.string(),
    version_policy: z.object({ latest: z.object({ num_versions: z.int() }) }),
    max_batch_size: z.int(),
    input: z.array(configTensor.extend({ optional: z.boolean() })),
    output: z.array(configTensor),
  })
  .meta({ id: 'ModelConfiguration', description: "Inputs and outputs of a model as Triton's model configuration." });
export type ModelConfiguration = z.infer<typeof modelConfigurationSchema>;

/** @throws CairnError `model-not-found` for an unknown model or version. */
export function modelOf(name: string, version = MODEL_VERSION): Model {
  const model = listModels().find((entry) => entry.name === name);
  if (!model)
    throw new CairnError('model-not-found', `There is no model "${name}"; POST /v2/repository/index lists them.`);
  if (version === MODEL_VERSION) return model;
  throw new CairnError('model-not-found', `Model ${name} has version ${MODEL_VERSION} only, not "${version}".`);
}

export function modelMetadata(model: Model): ModelMetadata {
  const { levels, pyramid } = knownModel(model, true, DEFAULT_SIZE);
  const outputs = [...levels, ...(pyramid?.levels ?? [])].map(({ name, shape }) => ({
    name,
    datatype: 'FP32',
    shape: [-1, ...shape],
  }));
  return { name: model.name, versions: VERSIONS, platform: PLATFORM, inputs: INPUTS, outputs };
}

/** The model configuration extension of Triton, for a model that does its own batching. */
export function modelConfiguration(model: Model): ModelConfiguration {
  const { name, platform, inputs, outputs } = modelMetadata(model);
  const tensor = ({ name, datatype, shape }: TensorMetadata) => ({
    name,
    // Triton calls bytes strings.
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
