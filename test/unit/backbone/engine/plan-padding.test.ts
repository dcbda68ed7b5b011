import { describe, expect, test } from '@jest/globals';
import type { GraphBuilder, FeatureMap } from '../../../../src/backbone/graph/graph-builder.js';
import type { Graph } from '../../../../src/backbone/graph/graph.js';
import { graphOf } from '../../../support/graphs.js';
import { planned } from '../../../support/planned.js';

const CONV = { filters: 4, kernel: 3, bias: true } as const;
const POOL = { size: 3, stride: 2, padding: 'valid' } as const;
const NONE = { top: 0, bottom: 0, left: 0, right: 0 };
const ONE = { top: 1, bottom: 1, left: 1, right: 1 };

const pad = (b: GraphBuilder, x: FeatureMap) => b.zeroPad('pad', x, 1);

describe('padding', () => {
  const merged: [string, string[], Graph][] = [
    ['goes into a convolution', ['conv'], graphOf((b) => ({ C1: b.conv2d('conv', pad(b, b.input), CONV) }))],
    [
      'goes into every convolution that reads it',
      ['conv', 'other', 'sum'],
      graphOf((b) => {
        const padded = pad(b, b.input);
        return { C1: b.add('sum', b.conv2d('conv', padded, CONV), b.conv2d('other', padded, CONV)) };
      }),
    ],
    [
      'goes into a max-pool after an activation',
      ['relu', 'pool'],
      graphOf((b) => ({ C1: b.maxPool('pool', pad(b, b.relu('relu', b.input)), POOL) })),
    ],
    [
      'goes into a max-pool after a pool of what was activated',
      ['relu', 'first', 'pool'],
      graphOf((b) => ({ C1: b.maxPool('pool', pad(b, b.maxPool('first', b.relu('relu', b.input), POOL)), POOL) })),
    ],
  ];
  test.each(merged)('%s', (_, names, graph) => {
    const found = planned(graph);
    expect(found.names).toEqual(names);
    const readers = graph.nodes.filter(({ inputs }) => inputs[0] === 'pad');
    for (const { name } of readers) {
      expect(found.step(name)).toMatchObject({ margins: ONE });
      expect(found.step(name).inputs).toEqual([graph.nodes.find((node) => node.name === 'pad')!.inputs[0]]);
    }
  });

  const kept: [string, Graph][] = [
    ['before a max-pool of what may be negative', graphOf((b) => ({ C1: b.maxPool('pool', pad(b, b.input), POOL) }))],
    [
      'before a max-pool of a sum of activated maps, which is not looked through',
      graphOf((b) => {
        const relu = b.relu('relu', b.input);
        return { C1: b.maxPool('pool', pad(b, b.add('sum', relu, relu)), POOL) };
      }),
    ],
    [
      'before an average',
      graphOf((b) => ({ C1: b.averagePool('pool', pad(b, b.relu('relu', b.input)), { size: 2, stride: 2 }) })),
    ],
    [
      'before a convolution that pads by itself',
      graphOf((b) => ({ C1: b.conv2d('conv', pad(b, b.input), { ...CONV, padding: 1 }) })),
    ],
    ['before another padding', graphOf((b) => ({ C1: b.conv2d('conv', b.zeroPad('more', pad(b, b.input), 2), CONV) }))],
    [
      'where anything else reads it as well',
      graphOf((b) => {
        const padded = pad(b, b.input);
        return { C1: b.conv2d('conv', padded, CONV), C2: b.relu('relu', padded) };
      }),
    ],
    [
      'where it is an output',
      graphOf((b) => {
        const C1 = pad(b, b.input);
        return { C1, C2: b.conv2d('conv', C1, CONV) };
      }),
    ],
  ];
  test.each(kept)('is a step of its own %s', (_, graph) => {
    const { names, step } = planned(graph);
    expect(names).toContain('pad');
    expect(step('pad')).toMatchObject({ op: 'zeroPad', margins: ONE });
  });

  test.each([
    ['valid', NONE],
    [1, ONE],
    [2, { top: 2, bottom: 2, left: 2, right: 2 }],
    // On 64 pixels a 3×3 window that steps by two lacks one row and one column, at the end.
    ['same', { top: 0, bottom: 1, left: 0, right: 1 }],
  ] as const)('%s is told as margins', (padding, margins) => {
    const graph = graphOf((b) => ({ C1: b.conv2d('conv', b.input, { ...CONV, stride: 2, padding }) }));
    expect(planned(graph).step('conv')).toMatchObject({ margins });
  });
});
