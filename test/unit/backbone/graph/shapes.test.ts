import { describe, expect, test } from '@jest/globals';
import { GraphBuilder } from '../../../../src/backbone/graph/graph-builder.js';
import { levelsOf } from '../../../../src/backbone/graph/graph.js';
import { resnetGraph } from '../../../../src/backbone/graph/resnet-graph.js';
import { inferShapes, paddingMargins } from '../../../../src/backbone/graph/shapes.js';
import { finish, preactivationGraph } from '../../../support/graphs.js';

function levelShapes(architecture: string, height: number, width: number) {
  const graph = resnetGraph(architecture, true);
  const shapes = inferShapes(graph, height, width);
  return levelsOf(graph).map((level) => shapes.get(graph.outputs[level]!.node));
}

describe('inferShapes', () => {
  test.each(['resnet50', 'resnet101'])('gives the published shapes of %s at 1024 × 1024', (architecture) => {
    expect(levelShapes(architecture, 1024, 1024)).toEqual([
      [256, 256, 64],
      [256, 256, 256],
      [128, 128, 512],
      [64, 64, 1024],
      [32, 32, 2048],
    ]);
  });

  test('divides the sides by the declared stride for every canvas of a multiple of 32', () => {
    const graph = resnetGraph('resnet50', true);
    for (let size = 64; size <= 4096; size += 32) {
      const shapes = inferShapes(graph, size, size);
      for (const { node, stride, channels } of Object.values(graph.outputs)) {
        expect(shapes.get(node)).toEqual([size / stride, size / stride, channels]);
      }
    }
  });

  test('keeps height and width apart and rounds odd sides up, as SAME does', () => {
    expect(levelShapes('resnet50', 65, 131)).toEqual([
      [17, 33, 64],
      [17, 33, 256],
      [9, 17, 512],
      [5, 9, 1024],
      [3, 5, 2048],
    ]);
  });

  test('works for every kind of layer', () => {
    const shapes = [...inferShapes(preactivationGraph(), 64, 96).values()];
    expect(shapes).toEqual([
      [64, 96, 3],
      [32, 48, 5], // stem: 3×3/2, one pixel around
      [34, 50, 5],
      [16, 24, 5], // C1: 3×3/2, valid
      [16, 24, 5],
      [16, 24, 5],
      [8, 12, 4], // inner: 3×3/2, one pixel around
      [8, 12, 4],
      [8, 12, 4],
      [8, 12, 4],
      [8, 12, 5],
      [8, 12, 5], // 1×1/2, valid
      [8, 12, 5], // C2
      [4, 6, 5], // C3: average of 2×2
      [2, 3, 5], // C4: 3×3/2, one pixel around
      [8, 12, 5],
      [8, 12, 5],
      [8, 12, 5],
      [1, 1, 5],
      [1, 1, 5],
      [1, 1, 5],
      [1, 1, 7],
      [1, 1, 7],
      [8, 12, 5], // C3 upsampled
      [8, 12, 5], // P2
    ]);
  });

  test('a dense layer reads a map of one position, at one size', () => {
    const builder = new GraphBuilder('image', 3);
    builder.dense('dense', builder.averagePool('pool', builder.input, { size: 7, stride: 7 }), 2);
    const graph = finish(builder, {});
    expect(inferShapes(graph, 13, 7).get('dense')).toEqual([1, 1, 2]);
    expect(() => inferShapes(graph, 14, 7)).toThrow(expect.objectContaining({ code: 'option-invalid' }));
  });

  test('keeps the shape of the input under its name', () => {
    expect(inferShapes(resnetGraph('resnet50', false), 64, 128).get('input_image')).toEqual([64, 128, 3]);
  });

  test('refuses an input that leaves no pixels, naming the layer', () => {
    const builder = new GraphBuilder('image', 3);
    builder.conv2d('wide', builder.input, { filters: 1, kernel: 7, bias: false });
    const graph = finish(builder, {});
    expect(inferShapes(graph, 7, 9).get('wide')).toEqual([1, 3, 1]);
    expect(() => inferShapes(graph, 7, 6)).toThrow(
      expect.objectContaining({ code: 'option-invalid', message: 'At 7×6 pixels no map is left for wide.' }),
    );
  });
});

describe('paddingMargins', () => {
  const cases: [string, number, number, number, number, number][] = [
    // side, window, stride, before, after
    ['an even side with stride 2 is padded behind only', 512, 3, 2, 0, 1],
    ['an odd side with stride 2 is padded on both sides', 511, 3, 2, 1, 1],
    ['stride 1 is padded on both sides', 64, 3, 1, 1, 1],
    ['an even window puts the odd row behind', 64, 4, 1, 1, 2],
    ['a 7×7 window with stride 2 on an even side gets 2 and 3', 64, 7, 2, 2, 3],
    ['a window smaller than its stride needs nothing', 64, 1, 2, 0, 0],
    ['nor on an odd side', 65, 1, 2, 0, 0],
  ];
  test.each(cases)('%s', (_, side, window, stride, before, after) => {
    const margins = paddingMargins('same', [side, 10, 1], [window, 1], [stride, 1]);
    expect(margins).toEqual({ top: before, bottom: after, left: 0, right: 0 });
    const turned = paddingMargins('same', [10, side, 1], [1, window], [1, stride]);
    expect(turned).toEqual({ top: 0, bottom: 0, left: before, right: after });
  });

  test.each([
    ['valid', 0],
    [1, 1],
    [3, 3],
  ] as const)('%s adds %i on every side, whatever the size', (padding, margin) => {
    const margins = { top: margin, bottom: margin, left: margin, right: margin };
    expect(paddingMargins(padding, [7, 8, 1], [3, 3], [2, 2])).toEqual(margins);
  });
});
