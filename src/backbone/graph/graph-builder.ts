import type { Graph, GraphNode, GraphOutput, LevelName, Margins, Padding } from './graph.js';

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

  constructor(inputName: string, inputChannels: number) {
    this.input = { node: inputName, channels: inputChannels, stride: 1 };
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

  relu(name: string, x: Handle): Handle {
    return this.append(x, 1, { op: 'relu', name, inputs: [x.node], parameters: {}, channels: x.channels });
  }

  zeroPad(name: string, x: Handle, margin: number): Handle {
    const margins: Margins = { top: margin, bottom: margin, left: margin, right: margin };
    return this.append(x, 1, { op: 'zeroPad', name, inputs: [x.node], parameters: {}, channels: x.channels, margins });
  }

  maxPool(name: string, x: Handle, options: { size: number; stride: number; padding: Padding }): Handle {
    const { size, stride, padding } = options;
    return this.append(x, stride, {
      op: 'maxPool',
      name,
      inputs: [x.node],
      parameters: {},
      channels: x.channels,
      poolSize: [size, size],
      strides: [stride, stride],
      padding,
    });
  }

  add(name: string, branch: Handle, shortcut: Handle): Handle {
    if (branch.channels !== shortcut.channels || branch.stride !== shortcut.stride) {
      throw new Error(
        `${name} adds ${branch.channels} channels at stride ${branch.stride} to ` +
          `${shortcut.channels} channels at stride ${shortcut.stride}`,
      );
    }
    const inputs = [branch.node, shortcut.node];
    return this.append(branch, 1, { op: 'add', name, inputs, parameters: {}, channels: branch.channels });
  }

  /** Freezes the graph; `levels` are the handles of the named outputs, with the strides the architecture declares. */
  build(
    head: Pick<Graph, 'family' | 'architecture' | 'stage5'>,
    levels: Partial<Record<LevelName, Handle>>,
    declared: Partial<Record<LevelName, { channels: number; stride: number }>>,
  ): Graph {
    const outputs: Partial<Record<LevelName, GraphOutput>> = {};
    for (const [level, handle] of Object.entries(levels) as [LevelName, Handle][]) {
      const spec = declared[level];
      if (spec?.channels !== handle.channels || spec.stride !== handle.stride) {
        throw new Error(
          `${head.architecture} ${level} has ${handle.channels} channels at stride ${handle.stride}, ` +
            `declared are ${spec?.channels} at ${spec?.stride}`,
        );
      }
      outputs[level] = Object.freeze({ ...handle });
    }
    return Object.freeze({
      ...head,
      input: Object.freeze({ name: this.input.node, channels: this.input.channels }),
      nodes: Object.freeze([...this.nodes.values()]),
      outputs: Object.freeze(outputs),
    });
  }

  private append(x: Handle, stride: number, node: GraphNode): Handle {
    if (this.nodes.has(node.name)) throw new Error(`two nodes are named ${node.name}`);
    this.nodes.set(node.name, Object.freeze(node));
    return { node: node.name, channels: node.channels, stride: x.stride * stride };
  }
}
