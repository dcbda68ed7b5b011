import type { Graph, GraphNode, GraphOutput, LevelName, Margins, OutputName, Padding } from './graph.js';
import type { Normalization } from './normalization.js';

/** A map while the graph is being built: which node makes it, how wide, how coarse. */
export interface Handle {
  readonly node: string;
  readonly channels: number;
  readonly stride: number;
}

/** Appends nodes one by one, keeping channels and strides, so that a wrong table fails at construction. */
export class GraphBuilder {
  readonly input: Handle;
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
    x: Handle,
    options: { filters: number; kernel: number; stride?: number; padding?: Padding; bias: boolean },
  ): Handle {
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

  batchNorm(name: string, x: Handle, epsilon: number): Handle {
    const shape = [x.channels];
    const parameters = { gamma: shape, beta: shape, moving_mean: shape, moving_variance: shape };
    return this.append(x, 1, { op: 'batchNorm', name, inputs: [x.node], parameters, channels: x.channels, epsilon });
  }

  scale(name: string, x: Handle): Handle {
    const parameters = { gamma: [x.channels], beta: [x.channels] };
    return this.append(x, 1, { op: 'scale', name, inputs: [x.node], parameters, channels: x.channels });
  }

  relu(name: string, x: Handle): Handle {
    return this.append(x, 1, { ...elementwise(name, x), op: 'relu' });
  }

  zeroPad(name: string, x: Handle, margin: number): Handle {
    const margins: Margins = { top: margin, bottom: margin, left: margin, right: margin };
    return this.append(x, 1, { ...elementwise(name, x), op: 'zeroPad', margins });
  }

  maxPool(name: string, x: Handle, options: { size: number; stride: number; padding: Padding }): Handle {
    return this.pool('maxPool', name, x, options);
  }

  averagePool(name: string, x: Handle, options: { size: number; stride: number }): Handle {
    return this.pool('averagePool', name, x, { ...options, padding: 'valid' });
  }

  upsample(name: string, x: Handle, factor: number): Handle {
    return this.append(x, 1 / factor, { ...elementwise(name, x), op: 'upsample', factor });
  }

  globalPool(name: string, x: Handle, mode: 'avg' | 'max'): Handle {
    return this.append(x, 1, { ...elementwise(name, x), op: 'globalPool', mode });
  }

  dense(name: string, x: Handle, units: number): Handle {
    const parameters = { kernel: [x.channels, units], bias: [units] };
    return this.append(x, 1, { op: 'dense', name, inputs: [x.node], parameters, channels: units });
  }

  softmax(name: string, x: Handle): Handle {
    return this.append(x, 1, { ...elementwise(name, x), op: 'softmax' });
  }

  add(name: string, branch: Handle, shortcut: Handle): Handle {
    if (branch.channels !== shortcut.channels || branch.stride !== shortcut.stride) {
      throw new Error(
        `${name} adds ${branch.channels} channels at stride ${branch.stride} to ` +
          `${shortcut.channels} channels at stride ${shortcut.stride}`,
      );
    }
    return this.append(branch, 1, { ...elementwise(name, branch), op: 'add', inputs: [branch.node, shortcut.node] });
  }

  /** Freezes the graph; levels must have the channels and strides that are declared for them. */
  build(
    head: Pick<Graph, 'family' | 'architecture' | 'stage5'>,
    normalization: Normalization,
    ends: Partial<Record<OutputName, Handle>>,
    declared: Partial<Record<LevelName, { channels: number; stride: number }>>,
  ): Graph {
    const outputs: Partial<Record<OutputName, GraphOutput>> = {};
    for (const [output, handle] of Object.entries(ends) as [OutputName, Handle][]) {
      const spec = output === 'top' ? handle : declared[output];
      if (spec?.channels !== handle.channels || spec.stride !== handle.stride) {
        throw new Error(
          `${head.architecture} ${output} has ${handle.channels} channels at stride ${handle.stride}, ` +
            `declared are ${spec?.channels} at ${spec?.stride}`,
        );
      }
      outputs[output] = Object.freeze({ ...handle });
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
    x: Handle,
    { size, stride, padding }: { size: number; stride: number; padding: Padding },
  ): Handle {
    const pool = { poolSize: [size, size], strides: [stride, stride], padding } as const;
    return this.append(x, stride, { ...elementwise(name, x), op, ...pool });
  }

  private append(x: Handle, stride: number, node: WithoutBlock<GraphNode>): Handle {
    if (this.nodes.has(node.name)) throw new Error(`two nodes are named ${node.name}`);
    this.nodes.set(node.name, Object.freeze({ ...node, block: this.block }));
    return { node: node.name, channels: node.channels, stride: x.stride * stride };
  }
}

// A union of nodes loses its alternatives under a plain Omit.
type WithoutBlock<N> = N extends unknown ? Omit<N, 'block'> : never;

/** What nodes without parameters that keep the channels of their input have in common. */
function elementwise(name: string, x: Handle) {
  return { name, inputs: [x.node], parameters: {}, channels: x.channels };
}
