import type { Graph, ParameterName, Shape } from '../../src/backbone/graph/graph.js';
import { sizeOf } from '../../src/backbone/graph/summary.js';
import type { Weights } from '../../src/backbone/weights/weights.js';
import { randomNumbers } from './tensors.js';

const { sqrt } = Math;

/**
 * Random weights that neither swell nor vanish in a deep network, with another value in every place of
 * a small tensor. Large ones repeat themselves: to draw each of millions in Jest's realm takes minutes.
 */
export function heWeights(graph: Graph): Weights {
  const random = randomNumbers(7);
  const pool = Float32Array.from({ length: 65_521 }, () => 2 * random() - 1);
  const parameters = new Map(graph.nodes.map((node) => [node.name, node.parameters]));
  let begin = 0;
  const draw = (shape: Shape, center: number, spread: number): Float32Array => {
    const values = new Float32Array(sizeOf(shape));
    begin = (begin + 977) % pool.length;
    for (let at = 0, from = begin; at < values.length; at++, from = from + 1 === pool.length ? 0 : from + 1) {
      values[at] = center + spread * pool[from]!;
    }
    return values;
  };
  const drawn = new Map<string, Float32Array>();
  return {
    source: 'test',
    digest: '0'.repeat(64),
    get(layer, parameter) {
      const name = `${layer}/${parameter}`;
      const shape = parameters.get(layer)![parameter]!;
      if (!drawn.has(name)) drawn.set(name, draw(shape, ...recipe(parameter, shape)));
      return drawn.get(name)!;
    },
  };
}

function recipe(parameter: ParameterName, shape: Shape): [center: number, spread: number] {
  switch (parameter) {
    case 'kernel':
      return [0, sqrt(3 / sizeOf(shape.slice(0, -1)))];
    case 'gamma':
      return [0.8, 0.2];
    case 'moving_variance':
      return [1, 0.3];
    case 'bias':
    case 'beta':
    case 'moving_mean':
      return [0, 0.1];
  }
}
