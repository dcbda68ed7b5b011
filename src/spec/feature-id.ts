import { createHash } from 'node:crypto';

/** Everything that decides the numbers of a feature set, beside the image and the weights. Which engine computes them does not. */
export interface FeatureQuestion {
  readonly model: {
    readonly family: string;
    readonly architecture: string;
    readonly normalization: {
      readonly channelOrder: string;
      readonly mean: readonly number[];
      readonly std: readonly number[];
    };
  };
  readonly stage5: boolean;
  readonly size: number;
  /** In the order in which they are stored. */
  readonly levels: readonly string[];
  readonly dtype: string;
  readonly precision?: string;
}

/** Raised whenever the same question gets other numbers, so that old archives are not taken for new ones. */
const FORMAT = 'cairn-features-v2';

/** Same question, same id: SHA-256 in hexadecimal over the parts of the question in a fixed order. */
export function featureId(imageSha256: string, weightsDigest: string, question: FeatureQuestion): string {
  const { model, stage5, size, levels, dtype, precision = 'float32' } = question;
  const { family, architecture, normalization } = model;
  const { channelOrder, mean, std } = normalization;
  const network = [family, architecture, stage5, weightsDigest];
  const parts = [
    FORMAT,
    imageSha256,
    ...network,
    channelOrder,
    mean,
    std,
    size,
    levels,
    dtype,
    ...(precision === 'float32' ? [] : [precision]),
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
