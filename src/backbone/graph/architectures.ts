/** The kinds of residual block; `BLOCKS` builds them. */
export type BlockKind = 'basic' | 'bottleneck' | 'preactivation';

/** How many blocks of which kind: the rows of He et al. 2015, table 1, and of He et al. 2016 (`…v2`). */
export interface Architecture {
  readonly block: BlockKind;
  /** Blocks in stages 2, 3, 4 and 5. */
  readonly blocks: readonly [number, number, number, number];
}

export const ARCHITECTURES = {
  resnet18: { block: 'basic', blocks: [2, 2, 2, 2] },
  resnet34: { block: 'basic', blocks: [3, 4, 6, 3] },
  resnet50: { block: 'bottleneck', blocks: [3, 4, 6, 3] },
  resnet101: { block: 'bottleneck', blocks: [3, 4, 23, 3] },
  resnet152: { block: 'bottleneck', blocks: [3, 8, 36, 3] },
  resnet50v2: { block: 'preactivation', blocks: [3, 4, 6, 3] },
  resnet101v2: { block: 'preactivation', blocks: [3, 4, 23, 3] },
  resnet152v2: { block: 'preactivation', blocks: [3, 8, 36, 3] },
  resnet200v2: { block: 'preactivation', blocks: [3, 24, 36, 3] },
} as const satisfies Record<string, Architecture>;

export type ArchitectureName = keyof typeof ARCHITECTURES;

/** Channels that leave a block, as a multiple of those inside it. */
export const EXPANSION: Readonly<Record<BlockKind, number>> = { basic: 1, bottleneck: 4, preactivation: 4 };

/** Channels inside and at the end of a stage's blocks: 64 inside in stage 2, doubled from stage to stage. */
export function stageFilters(block: BlockKind, stage: number): { inner: number; outer: number } {
  const inner = 64 * 2 ** (stage - 2);
  return { inner, outer: inner * EXPANSION[block] };
}
