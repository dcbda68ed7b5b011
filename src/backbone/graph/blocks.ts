import type { BlockKind } from './architectures.js';
import type { Family, PaddedBy } from './families.js';
import type { FeatureMap, GraphBuilder } from './graph-builder.js';
import type { Branch, Names, Place } from './names.js';

/** Where a block stands and what it does to the map. */
export interface BlockSpec extends Place {
  readonly filters: { readonly inner: number; readonly outer: number };
  readonly stride: number;
}

/** A family with the names of one architecture. */
export interface Convention extends Omit<Family, 'names'> {
  readonly names: Names;
}

interface Conv {
  readonly filters: number;
  readonly kernel: number;
  readonly stride?: number;
}

/** Appends the layers of one residual block. */
class BlockBuilder {
  constructor(
    private readonly builder: GraphBuilder,
    private readonly family: Convention,
    private readonly spec: BlockSpec,
  ) {}

  /** He et al. 2015, figure 5, left: 3×3 → 3×3 with a shortcut; the activation follows the sum. */
  basic(x: FeatureMap): FeatureMap {
    const { filters, stride } = this.spec;
    const a = this.convNormRelu(1, x, { filters: filters.inner, kernel: 3, stride });
    return this.sum(this.convNorm(2, a, { filters: filters.outer, kernel: 3 }), x);
  }

  /** The same figure, right: 1×1 → 3×3 → 1×1. */
  bottleneck(x: FeatureMap): FeatureMap {
    const { filters, stride } = this.spec;
    const [first, middle] = this.family.strideOn === 'first' ? [stride, 1] : [1, stride];
    const a = this.convNormRelu(1, x, { filters: filters.inner, kernel: 1, stride: first });
    const b = this.convNormRelu(2, a, { filters: filters.inner, kernel: 3, stride: middle });
    return this.sum(this.convNorm(3, b, { filters: filters.outer, kernel: 1 }), x);
  }

  /**
   * He et al. 2016, figure 1(b), as a bottleneck: norm and activation come first, and the branch shares
   * their output with a projecting shortcut. An identity shortcut with stride 2 is subsampled.
   */
  preactivation(x: FeatureMap): FeatureMap {
    const { builder, spec } = this;
    const { filters, stride } = spec;
    const { names, epsilon, norm: kind } = this.family;
    const { norm, relu } = names.preact(spec);
    const active = builder.relu(relu, builder.norm(norm, x, kind, epsilon));
    let shortcut = x;
    if (x.channels !== filters.outer) {
      shortcut = this.conv(0, active, { filters: filters.outer, kernel: 1, stride }, true);
    } else if (stride > 1) {
      shortcut = builder.maxPool(names.subsample(spec), x, { size: 1, stride, padding: 'valid' });
    }
    const a = this.convNormRelu(1, active, { filters: filters.inner, kernel: 1 });
    const b = this.convNormRelu(2, a, { filters: filters.inner, kernel: 3, stride });
    return builder.add(names.out(spec), this.conv(3, b, { filters: filters.outer, kernel: 1 }, true), shortcut);
  }

  private conv(branch: Branch, x: FeatureMap, conv: Conv, bias: boolean): FeatureMap {
    const { builder, spec } = this;
    const { names, padding } = this.family;
    const name = names.conv(spec, branch);
    if (conv.kernel === 1) return builder.conv2d(name, x, { ...conv, padding: 'valid', bias });
    const by = (conv.stride ?? 1) > 1 ? padding.strided : padding.unstrided;
    return padded(builder, by, names.padding(spec, branch), x, (input, inside) =>
      builder.conv2d(name, input, { ...conv, padding: inside, bias }),
    );
  }

  private convNorm(branch: Branch, x: FeatureMap, conv: Conv): FeatureMap {
    const { builder, spec } = this;
    const { names, norm, epsilon, convBias, scaled } = this.family;
    const convolved = this.conv(branch, x, conv, convBias);
    const normed = builder.norm(names.norm(spec, branch), convolved, norm, epsilon);
    return scaled ? builder.scale(names.scale(spec, branch), normed) : normed;
  }

  private convNormRelu(branch: Branch, x: FeatureMap, conv: Conv): FeatureMap {
    return this.builder.relu(this.family.names.relu(this.spec, branch), this.convNorm(branch, x, conv));
  }

  /** Adds the shortcut, projected where the block changes the map's shape, and activates. */
  private sum(branch: FeatureMap, x: FeatureMap): FeatureMap {
    const { builder, spec } = this;
    const { names, shortcutNorm } = this.family;
    const conv = { filters: spec.filters.outer, kernel: 1, stride: spec.stride };
    const changes = spec.stride > 1 || x.channels !== spec.filters.outer;
    const project = () => (shortcutNorm ? this.convNorm(0, x, conv) : this.conv(0, x, conv, true));
    return builder.relu(names.out(spec), builder.add(names.add(spec), branch, changes ? project() : x));
  }
}

/** Appends a residual block of some kind after `x`. */
export function addBlock(
  kind: BlockKind,
  builder: GraphBuilder,
  family: Convention,
  x: FeatureMap,
  spec: BlockSpec,
): FeatureMap {
  return new BlockBuilder(builder, family, spec)[kind](x);
}

/** Pads `x` by a layer called `name` or leaves the padding to `operation`. */
export function padded(
  builder: GraphBuilder,
  by: PaddedBy,
  name: string,
  x: FeatureMap,
  operation: (x: FeatureMap, padding: 'valid' | 'same' | number) => FeatureMap,
): FeatureMap {
  return 'layer' in by ? operation(builder.zeroPad(name, x, by.layer), 'valid') : operation(x, by.inside);
}
