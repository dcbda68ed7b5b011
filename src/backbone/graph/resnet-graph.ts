import { CairnError } from '../../errors.js';
import { ARCHITECTURES, stageFilters, type ArchitectureName } from './architectures.js';
import { bottleneck } from './blocks.js';
import { FAMILIES, type Family, type FamilyName } from './families.js';
import { GraphBuilder, type Handle } from './graph-builder.js';
import type { Graph, LevelName } from './graph.js';

/**
 * The backbone of a Mask R-CNN as data: stem, stages 2–4 and, with `stage5`, stage 5.
 *
 * Outputs `C1` (after the max-pool, stride 4), `C2`…`C4` (strides 4, 8, 16) and `C5` (stride 32,
 * absent when `stage5` is false). The convention is that of `family`; see `FAMILIES`.
 *
 * @throws CairnError `model-unknown` when there is no such architecture or family.
 */
export function resnetGraph(architecture: string, stage5: boolean, family: string = 'mask-rcnn'): Graph {
  if (!Object.hasOwn(ARCHITECTURES, architecture)) throw unknown('architecture', architecture, ARCHITECTURES);
  if (!Object.hasOwn(FAMILIES, family)) throw unknown('family', family, FAMILIES);
  const { blocks } = ARCHITECTURES[architecture as ArchitectureName];
  const convention: Family = FAMILIES[family as FamilyName];

  const builder = new GraphBuilder(convention.names.input, 3);
  let x = stem(builder, convention);
  const levels: Partial<Record<LevelName, Handle>> = { C1: x };
  const declared: Partial<Record<LevelName, { channels: number; stride: number }>> = {
    C1: { channels: 64, stride: 4 },
  };

  const stages = stage5 ? ([2, 3, 4, 5] as const) : ([2, 3, 4] as const);
  for (const stage of stages) {
    const filters = stageFilters(stage);
    for (let block = 0; block < blocks[stage - 2]!; block++) {
      const project = block === 0;
      const stride = project && stage > 2 ? 2 : 1;
      x = bottleneck(builder, convention, x, { stage, block, filters, stride, project });
    }
    levels[`C${stage}`] = x;
    declared[`C${stage}`] = { channels: filters.outer, stride: 2 ** stage };
  }
  return builder.build({ family, architecture, stage5 }, levels, declared);
}

/** 7×7/2 convolution and 3×3/2 max-pool: stride 4, 64 channels. */
function stem(builder: GraphBuilder, family: Family): Handle {
  const { stemConv, stemNorm } = family.names;
  const padded = builder.zeroPad(`${stemConv}_pad`, builder.input, family.stem.pad);
  const convolved = builder.conv2d(stemConv, padded, { filters: 64, kernel: 7, stride: 2, bias: family.convBias });
  const activated = builder.relu(`${stemConv}_relu`, builder.batchNorm(stemNorm, convolved, family.epsilon));
  return builder.maxPool('pool1', activated, { size: 3, stride: 2, padding: family.stem.poolPadding });
}

function unknown(what: string, name: string, table: object): CairnError {
  return new CairnError('model-unknown', `There is no ${what} "${name}"; known are ${Object.keys(table).join(', ')}.`);
}
