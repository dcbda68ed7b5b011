import { createHash } from 'node:crypto';

/** Everything that decides the numbers of a feature set. Which engine computes them does not. */
export interface FeatureQuestion {
  readonly imageSha256: string;
  readonly family: string;
  readonly architecture: string;
  readonly stage5: boolean;
  readonly weightsDigest: string;
  readonly normalization: { readonly channelOrder: string; readonly mean: readonly number[] };
  readonly size: number;
  /** In the order in which they are stored. */
  readonly levels: readonly string[];
  readonly dtype: string;
}

/** Raised whenever the same question gets other numbers, so that old archives are not taken for new ones. */
const FORMAT = 'cairn-features-v1';

/** Same question, same id: SHA-256 in hexadecimal over the parts of the question in a fixed order. */
export function featureId(question: FeatureQuestion): string {
  const { imageSha256, family, architecture, stage5, weightsDigest, normalization, size, levels, dtype } = question;
  const { channelOrder, mean } = normalization;
  const parts = [FORMAT, imageSha256, family, architecture, stage5, weightsDigest, channelOrder, mean, size, levels, dtype];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
