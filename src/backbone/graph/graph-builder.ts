import type { Graph, GraphNode, GraphOutput, LevelName, Margins, OutputName, Padding } from './graph.js';
import { NORM_GROUPS, type NormKind } from './families.js';
import type { Normalization } from './normalization.js';

/** A map while the graph is being built: the node that produces it, its channels and stride. */
export interface FeatureMap {
  readonly node: string;
  readonly channels: number;
  readonly stride: number;
}

/** Appends nodes one by one and tracks channels and strides, so that a wrong table fails at construction. */
export class GraphBuilder {
  readonly input: FeatureMap;
  private readonly nodes = new Map<string, GraphNode>();
  private block = '';

  constructor(inputName: string, inputChannels: number) {
    this.input = { node: inputName, channels: inputChannels, stride: 1 };
  }

  /** A builder that already has the nodes of `graph`. */
  static continue(graph: Graph): GraphBuilder {
    const builder = new GraphBuilder(graph.input.name, graph.input.channels);
    for (const node of graph.nodes) builder.nodes.set(node.name, node);
    return builder;
  }

  /** The nodes that follow belong to the part of the network called `name`. */
  startBlock(name: string): void {
    this.block = name;
  }

  conv2d(
    name: string,
    x: FeatureMap,
    options: { filters: number; kernel: number; stride?: number; padding?: Padding; bias: boolean },
  ): FeatureMap {
    const { filters, kernel, stride = 1, padding = 'valid', bias } = options;
    return this.append(x, stride, {
      op: 'conv2d',
      name,
      inputs: [x.node],
      parameters: { kernel: [kernel, kernel, x.channels, filters], ...(bias && { bias: [filters] }) },
      channels: filters,
      kernelSize: [kernel, kernel],
      strides: [stride, stride],
      padding,
    });
  }

  /** The norm of a family. */
  norm(name: string, x: FeatureMap, kind: NormKind, epsilon: number): FeatureMap {
    return kind === 'batch' ? this.batchNorm(name, x, epsilon) : this.groupNorm(name, x, NORM_GROUPS, epsilon);
  }

  batchNorm(name: string, x: FeatureMap, epsilon: number): FeatureMap {
    const shape = [x.channels];
    const parameters = { gamma: shape, beta: shape, moving_mean: shape, moving_variance: shape };
    return this.append(x, 1, { op: 'batchNorm', name, inputs: [x.node], parameters, channels: x.channels, epsilon });
  }

  groupNorm(name: string, x: FeatureMap, groups: number, epsilon: number): FeatureMap {
    if (x.channels % groups !== 0) throw new Error(`${name} has ${x.channels} channels in ${groups} groups`);
    const parameters = { gamma: [x.channels], beta: [x.channels] };
    const node = { name, inputs: [x.node], parameters, channels: x.channels, groups, epsilon };
    return this.append(x, 1, { op: 'groupNorm', ...node });
  }

  scale(name: string, x: FeatureMap): FeatureMap {
    const parameters = { gamma: [x.channels], beta: [x.channels] };
    return this.append(x, 1, { op: 'scale', name, inputs: [x.node], parameters, channels: x.channels });
  }

  relu(name: string, x: FeatureMap): FeatureMap {
    return this.append(x, 1, { ...elementwise(name, x), op: 'relu' });
  }

  zeroPad(name: string, x: FeatureMap, margin: number): FeatureMap {
    const margins: Margins = { top: margin, bottom: margin, left: margin, right: margin };
    return this.append(x, 1, { ...elementwise(name, x), op: 'zeroPad', margins });
  }

  maxPool(name: string, x: FeatureMap, options: { size: number; stride: number; padding: Padding }): FeatureMap {
    return this.pool('maxPool', name, x, options);
  }

  averagePool(name: string, x: FeatureMap, options: { size: number; stride: number }): FeatureMap {
    return this.pool('averagePool', name, x, { ...options, padding: 'valid' });
  }

  upsample(name: string, x: FeatureMap, factor: number): FeatureMap {
    return this.append(x, 1 / factor, { ...elementwise(name, x), op: 'upsample', factor });
  }

  globalPool(name: string, x: FeatureMap, mode: 'avg' | 'max'): FeatureMap {
    return this.append(x, 1, { ...elementwise(name, x), op: 'globalPool', mode });
  }

  dense(name: string, x: FeatureMap, units: number): FeatureMap {
    const parameters = { kernel: [x.channels, units], bias: [units] };
    return this.append(x, 1, { op: 'dense', name, inputs: [x.node], parameters, channels: units });
  }

  softmax(name: string, x: FeatureMap): FeatureMap {
    return this.append(x, 1, { ...elementwise(name, x), op: 'softmax' });
  }

  add(name: string, branch: FeatureMap, shortcut: FeatureMap): FeatureMap {
    if (branch.channels !== shortcut.channels || branch.stride !== shortcut.stride) {
      throw new Error(
        `${name} adds ${branch.channels} channels at stride ${branch.stride} to ` +
          `${shortcut.channels} channels at stride ${shortcut.stride}`,
      );
    }
    return this.append(branch, 1, { ...elementwise(name, branch), op: 'add', inputs: [branch.node, shortcut.node] });
  }

  /** Freezes the graph. Levels must have their declared channels and strides. */
  build(
    head: Pick<Graph, 'family' | 'architecture' | 'stage5'>,
    normalization: Normalization,
    ends: Partial<Record<OutputName, FeatureMap>>,
    declared: Partial<Record<LevelName, { channels: number; stride: number }>>,
  ): Graph {
    const outputs: Partial<Record<OutputName, GraphOutput>> = {};
    for (const [output, map] of Object.entries(ends) as [OutputName, FeatureMap][]) {
      const spec = output === 'top' ? map : declared[output];
      if (spec?.channels !== map.channels || spec.stride !== map.stride) {
        throw new Error(
          `${head.architecture} ${output} has ${map.channels} channels at stride ${map.stride}, ` +
            `declared are ${spec?.channels} at ${spec?.stride}`,
        );
      }
      outputs[output] = Object.freeze({ ...map });
    }
    const { family, architecture, stage5 } = head;
    return Object.freeze({
      family,
      architecture,
      stage5,
      input: Object.freeze({ name: this.input.node, channels: this.input.channels, normalization }),
      nodes: Object.freeze([...this.nodes.values()]),
      outputs: Object.freeze(outputs),
    });
  }

  private pool(
    op: 'maxPool' | 'averagePool',
    name: string,
    x: FeatureMap,
    { size, stride, padding }: { size: number; stride: number; padding: Padding },
  ): FeatureMap {
    const pool = { poolSize: [size, size], strides: [stride, stride], padding } as const;
    return this.append(x, stride, { ...elementwise(name, x), op, ...pool });
  }

  private append(x: FeatureMap, stride: number, node: WithoutBlock<GraphNode>): FeatureMap {
    if (this.nodes.has(node.name)) throw new Error(`two nodes are named ${node.name}`);
    this.nodes.set(node.name, Object.freeze({ ...node, block: this.block }));
    return { node: node.name, channels: node.channels, stride: x.stride * stride };
  }
}

// A union of nodes loses its alternatives under a plain Omit.
type WithoutBlock<N> = N extends unknown ? Omit<N, 'block'> : never;

/** Fields shared by nodes without parameters that keep the channels of their input. */
function elementwise(name: string, x: FeatureMap) {
  return { name, inputs: [x.node], parameters: {}, channels: x.channels };
}
