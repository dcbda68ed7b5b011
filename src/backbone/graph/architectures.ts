/** How many blocks of which kind: the rows of He et al. 2015, table 1. */
export interface Architecture {
  readonly block: 'bottleneck';
  /** Blocks in stages 2, 3, 4 and 5. */
  readonly blocks: readonly [number, number, number, number];
}

export const ARCHITECTURES = {
  resnet50: { block: 'bottleneck', blocks: [3, 4, 6, 3] },
  resnet101: { block: 'bottleneck', blocks: [3, 4, 23, 3] },
} as const satisfies Record<string, Architecture>;

export type ArchitectureName = keyof typeof ARCHITECTURES;

/** Channels inside and at the end of a stage's blocks: 64→256 in stage 2, doubled from stage to stage. */
export function stageFilters(stage: number): { inner: number; outer: number } {
  const inner = 64 * 2 ** (stage - 2);
  return { inner, outer: inner * 4 };
}
