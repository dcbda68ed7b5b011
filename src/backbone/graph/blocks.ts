import type { BlockKind } from './architectures.js';
import type { Family, PaddedBy } from './families.js';
import type { GraphBuilder, Handle } from './graph-builder.js';
import type { Branch, Names, Place } from './names.js';

/** Where a block stands and what it does to the map. */
export interface BlockSpec extends Place {
  readonly filters: { readonly inner: number; readonly outer: number };
  readonly stride: number;
}

export interface Convention extends Omit<Family, 'names'> {
  readonly names: Names;
}

type Block = (builder: GraphBuilder, family: Convention, x: Handle, spec: BlockSpec) => Handle;
interface Conv {
  readonly filters: number;
  readonly kernel: number;
  readonly stride: number;
}

/** He et al. 2015, figure 5, left: 3×3 → 3×3 with a shortcut; the activation follows the sum. */
const basic: Block = (builder, family, x, spec) => {
  const { inner, outer } = spec.filters;
  const a = convNormRelu(builder, family, x, spec, 1, { filters: inner, kernel: 3, stride: spec.stride });
  const b = convNorm(builder, family, a, spec, 2, { filters: outer, kernel: 3, stride: 1 });
  return sum(builder, family, b, x, spec);
};

/** The same figure, right: 1×1 → 3×3 → 1×1. */
const bottleneck: Block = (builder, family, x, spec) => {
  const { inner, outer } = spec.filters;
  const [first, middle] = family.strideOn === 'first' ? [spec.stride, 1] : [1, spec.stride];
  const a = convNormRelu(builder, family, x, spec, 1, { filters: inner, kernel: 1, stride: first });
  const b = convNormRelu(builder, family, a, spec, 2, { filters: inner, kernel: 3, stride: middle });
  const c = convNorm(builder, family, b, spec, 3, { filters: outer, kernel: 1, stride: 1 });
  return sum(builder, family, c, x, spec);
};

/**
 * He et al. 2016, figure 1(b), as a bottleneck: norm and activation come first, and what they give
 * is shared by the branch and a projecting shortcut. An identity that steps is subsampled.
 */
const preactivation: Block = (builder, family, x, spec) => {
  const { inner, outer } = spec.filters;
  const { names } = family;
  const { norm, relu } = names.preact(spec);
  const active = builder.relu(relu, builder.batchNorm(norm, x, family.epsilon));
  let shortcut = x;
  if (x.channels !== outer) {
    shortcut = convolution(builder, family, active, spec, 0, { filters: outer, kernel: 1, stride: spec.stride }, true);
  } else if (spec.stride > 1) {
    shortcut = builder.maxPool(names.subsample(spec), x, { size: 1, stride: spec.stride, padding: 'valid' });
  }
  const a = convNormRelu(builder, family, active, spec, 1, { filters: inner, kernel: 1, stride: 1 });
  const b = convNormRelu(builder, family, a, spec, 2, { filters: inner, kernel: 3, stride: spec.stride });
  const c = convolution(builder, family, b, spec, 3, { filters: outer, kernel: 1, stride: 1 }, true);
  return builder.add(names.out(spec), c, shortcut);
};

export const BLOCKS: Readonly<Record<BlockKind, Block>> = { basic, bottleneck, preactivation };

function convolution(
  builder: GraphBuilder,
  family: Convention,
  x: Handle,
  place: Place,
  branch: Branch,
  conv: Conv,
  bias: boolean,
): Handle {
  const { names, padding } = family;
  const name = names.conv(place, branch);
  if (conv.kernel === 1) return builder.conv2d(name, x, { ...conv, padding: 'valid', bias });
  const by = conv.stride > 1 ? padding.strided : padding.unstrided;
  return padded(builder, by, names.padding(place, branch), x, (input, inside) =>
    builder.conv2d(name, input, { ...conv, padding: inside, bias }),
  );
}

function convNorm(
  builder: GraphBuilder,
  family: Convention,
  x: Handle,
  place: Place,
  branch: Branch,
  conv: Conv,
): Handle {
  const { names, epsilon } = family;
  const convolved = convolution(builder, family, x, place, branch, conv, family.convBias);
  const normed = builder.batchNorm(names.norm(place, branch), convolved, epsilon);
  return family.scaled ? builder.scale(names.scale(place, branch), normed) : normed;
}

function convNormRelu(
  builder: GraphBuilder,
  family: Convention,
  x: Handle,
  place: Place,
  branch: Branch,
  conv: Conv,
): Handle {
  return builder.relu(family.names.relu(place, branch), convNorm(builder, family, x, place, branch, conv));
}

/** Adds the shortcut, projected where the block changes the map's shape, and activates. */
function sum(builder: GraphBuilder, family: Convention, branch: Handle, x: Handle, spec: BlockSpec): Handle {
  const { names, shortcutNorm } = family;
  const conv = { filters: spec.filters.outer, kernel: 1, stride: spec.stride };
  const changes = spec.stride > 1 || x.channels !== spec.filters.outer;
  const project = () =>
    shortcutNorm ? convNorm(builder, family, x, spec, 0, conv) : convolution(builder, family, x, spec, 0, conv, true);
  const shortcut = changes ? project() : x;
  return builder.relu(names.out(spec), builder.add(names.add(spec), branch, shortcut));
}

/** Pads `x` by a layer called `name` or leaves the padding to `operation`. */
export function padded(
  builder: GraphBuilder,
  by: PaddedBy,
  name: string,
  x: Handle,
  operation: (x: Handle, padding: 'valid' | 'same' | number) => Handle,
): Handle {
  return 'layer' in by ? operation(builder.zeroPad(name, x, by.layer), 'valid') : operation(x, by.inside);
}
