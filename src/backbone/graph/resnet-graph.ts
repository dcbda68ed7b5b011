import { CairnError } from '../../errors.js';
import { ARCHITECTURES, stageFilters, type Architecture, type ArchitectureName } from './architectures.js';
import { addBlock, padded, type Convention } from './blocks.js';
import { FAMILIES, type FamilyName } from './families.js';
import { GraphBuilder, type FeatureMap } from './graph-builder.js';
import type { Graph, LevelName, OutputName } from './graph.js';

/** The part after the last stage: a classifier, a pooling, or nothing. */
export interface TopOptions {
  /** Adds the family's classifier; needs stage 5. */
  readonly includeTop?: boolean;
  /** Outputs of the classifier; 1000 by default. */
  readonly classes?: number;
  /** Without a classifier: pool the last map over its whole area. */
  readonly pooling?: 'avg' | 'max' | undefined;
  /** Output of the classifier: probabilities (default) or logits. */
  readonly classifierActivation?: 'softmax' | 'none';
}

export interface ResnetOptions extends TopOptions {
  readonly family?: string;
}

const LEVELS = ['C1', 'C2', 'C3', 'C4', 'C5'] as const satisfies readonly LevelName[];
const STEM_FILTERS = 64;

/**
 * The backbone of a detector as data: stem, stages 2–4 and, with `stage5`, stage 5.
 *
 * Outputs `C1` (after the stem's pooling) and `C2`…`C5` (the ends of the stages; `C5` is absent when
 * `stage5` is false), and `top` where `TopOptions` add one. Strides, names and all other
 * differences between published networks are rows of `FAMILIES`; the default is Matterport's Mask R-CNN.
 *
 * @throws CairnError `model-unknown` when there is no such architecture or family, or the family does not have it;
 *   `option-invalid` for a classifier without stage 5.
 */
export function resnetGraph(architecture: string, stage5: boolean, options: ResnetOptions = {}): Graph {
  const { family = 'mask-rcnn' } = options;
  if (!Object.hasOwn(ARCHITECTURES, architecture)) throw unknown('architecture', architecture, ARCHITECTURES);
  if (!Object.hasOwn(FAMILIES, family)) throw unknown('family', family, FAMILIES);
  const entry = FAMILIES[family as FamilyName];
  if (!(entry.architectures as readonly string[]).includes(architecture)) {
    throw new CairnError(
      'model-unknown',
      `The family ${family} has no ${architecture}; it has ${entry.architectures.join(', ')}.`,
    );
  }
  const { block: kind, blocks }: Architecture = ARCHITECTURES[architecture as ArchitectureName];
  const convention: Convention = { ...entry, names: entry.names(architecture) };

  const builder = new GraphBuilder(convention.names.input, 3);
  let x = stem(builder, convention);
  const outputs: Partial<Record<OutputName, FeatureMap>> = { C1: x };
  const declared = { C1: { channels: STEM_FILTERS, stride: convention.strides[0] } } as Partial<
    Record<LevelName, { channels: number; stride: number }>
  >;
  const stages = stage5 ? [2, 3, 4, 5] : [2, 3, 4];
  for (const stage of stages) {
    const filters = stageFilters(kind, stage);
    const count = blocks[stage - 2]!;
    for (let block = 0; block < count; block++) {
      builder.startBlock(`stage${stage}/block${block + 1}`);
      const stride = blockStride(convention, stage, block, count);
      x = addBlock(kind, builder, convention, x, { stage, block, filters, stride });
    }
    outputs[LEVELS[stage - 1]!] = x;
    declared[LEVELS[stage - 1]!] = { channels: filters.outer, stride: convention.strides[stage - 1]! };
  }
  builder.startBlock('top');
  if (stage5) {
    if (kind === 'preactivation') x = postActivation(builder, convention, x);
    const top = topOf(builder, convention, x, options);
    if (top) outputs.top = top;
  } else if (options.includeTop || options.pooling) {
    throw new CairnError('option-invalid', 'A classifier or a pooled output needs stage 5.');
  }
  return builder.build({ family, architecture, stage5 }, convention.normalization, outputs, declared);
}

/** The first block of stages 3–5 has stride 2, or (v2) the last block of stages 2–4. */
function blockStride({ stridedBlock }: Convention, stage: number, block: number, count: number): number {
  const strided = stridedBlock === 'first' ? stage > 2 && block === 0 : stage < 5 && block === count - 1;
  return strided ? 2 : 1;
}

function stem(builder: GraphBuilder, family: Convention): FeatureMap {
  const { names, stem, epsilon } = family;
  builder.startBlock('stem');
  let x = padded(builder, stem.padding, names.pad.conv, builder.input, (input, padding) =>
    builder.conv2d(names.stem.conv, input, {
      filters: STEM_FILTERS,
      kernel: stem.kernel,
      stride: stem.stride,
      padding,
      bias: family.convBias || !stem.norm,
    }),
  );
  if (stem.norm) {
    x = builder.norm(names.stem.norm, x, family.norm, epsilon);
    if (family.scaled) x = builder.scale(names.stemScale, x);
    x = builder.relu(names.stemRelu, x);
  }
  const { size, stride } = stem.pool;
  return padded(builder, stem.pool.padding, names.pad.pool, x, (input, padding) =>
    builder.maxPool(names.pool, input, { size, stride, padding }),
  );
}

function postActivation(builder: GraphBuilder, { names, norm, epsilon }: Convention, x: FeatureMap): FeatureMap {
  return builder.relu(names.post.relu, builder.norm(names.post.norm, x, norm, epsilon));
}

function topOf(builder: GraphBuilder, family: Convention, x: FeatureMap, options: TopOptions): FeatureMap | undefined {
  const { includeTop = false, classes = 1000, pooling, classifierActivation = 'softmax' } = options;
  const { pool, classifier } = family.names.top;
  if (!includeTop) return pooling && builder.globalPool(`${pooling}_pool`, x, pooling);
  const { top } = family;
  const pooled =
    top.pool === 'global'
      ? builder.globalPool(pool, x, 'avg')
      : builder.averagePool(pool, x, { size: top.pool, stride: top.pool });
  const logits =
    top.classifier === 'dense'
      ? builder.dense(classifier, pooled, classes)
      : builder.conv2d(classifier, pooled, { filters: classes, kernel: 1, bias: true });
  return classifierActivation === 'softmax' ? builder.softmax(`${classifier}_softmax`, logits) : logits;
}

function unknown(what: string, name: string, table: object): CairnError {
  return new CairnError('model-unknown', `There is no ${what} "${name}"; known: ${Object.keys(table).join(', ')}.`);
}
