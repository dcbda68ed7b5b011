import type { Branch, Family } from './families.js';
import type { GraphBuilder, Handle } from './graph-builder.js';

/** Where a block stands and what it does to the map. */
export interface BlockSpec {
  readonly stage: number;
  /** Counted from 0 within the stage. */
  readonly block: number;
  readonly filters: { readonly inner: number; readonly outer: number };
  readonly stride: number;
  /** A projection shortcut (1×1 convolution) instead of the identity. */
  readonly project: boolean;
}

/** 1×1 → 3×3 → 1×1 with a shortcut (He et al. 2015, figure 5, right); post-activation. */
export function bottleneck(builder: GraphBuilder, family: Family, x: Handle, spec: BlockSpec): Handle {
  const { stage, block, filters, stride } = spec;
  const out = family.names.out(stage, block);
  const convNorm = (branch: Branch, input: Handle, conv: { filters: number; kernel: number; stride: number }) => {
    const padding = conv.kernel === 1 ? 'valid' : 'same';
    const name = family.names.conv(stage, block, branch);
    const convolved = builder.conv2d(name, input, { ...conv, padding, bias: family.convBias });
    return builder.batchNorm(family.names.norm(stage, block, branch), convolved, family.epsilon);
  };
  const relu = (branch: Branch, input: Handle) =>
    builder.relu(`${family.names.conv(stage, block, branch)}_relu`, input);
  const [first, middle] = family.strideOn === 'first' ? [stride, 1] : [1, stride];

  const a = relu('2a', convNorm('2a', x, { filters: filters.inner, kernel: 1, stride: first }));
  const b = relu('2b', convNorm('2b', a, { filters: filters.inner, kernel: 3, stride: middle }));
  const c = convNorm('2c', b, { filters: filters.outer, kernel: 1, stride: 1 });
  const shortcut = spec.project ? convNorm('1', x, { filters: filters.outer, kernel: 1, stride }) : x;
  return builder.relu(out, builder.add(`${out}_add`, c, shortcut));
}
