import { Command, Option } from 'commander';
import { parseSpec } from '../spec/feature-spec.js';
import { fpnGraph } from '../backbone/graph/fpn-graph.js';
import { graphToDot } from '../backbone/graph/drawing/dot.js';
import type { TopOptions } from '../backbone/graph/resnet-graph.js';
import { describeModel, type ModelDescription } from '../backbone/describe-model.js';
import { modelGraph, findModel } from '../backbone/catalogue.js';
import { summarize } from '../backbone/graph/summary.js';
import { addNoStage5 } from './flags.js';
import { formatTable, print } from './output.js';

interface Flags {
  readonly stage5: string;
  readonly size: string;
  readonly includeTop?: boolean;
  readonly fpn?: boolean;
  readonly format: 'table' | 'json' | 'svg';
}

/** `cairn describe`: Keras' `model.summary()` for any model of the catalogue. */
export function describeCommand(): Command {
  return addNoStage5(new Command('describe').option('--stage5 <boolean>', 'false leaves out stage 5', 'true'))
    .description('print the layers, shapes, parameters and multiply-adds of a model')
    .argument('<model>', 'a model of `cairn models`')
    .option('--size <pixels>', 'side of the square canvas', '1024')
    .addOption(new Option('--format <format>', 'output format').choices(['table', 'json', 'svg']).default('table'))
    .option('--include-top', 'with the classifier')
    .option('--fpn', 'with the feature pyramid')
    .action(async (name: string, flags: Flags) => {
      const { stage5, size, ...spec } = parseSpec({ model: name, stage5: flags.stage5, size: flags.size });
      const model = findModel(spec.model);
      const top: TopOptions = flags.includeTop ? { includeTop: true } : {};
      const backbone = modelGraph(model, stage5, top);
      const graph = flags.fpn ? fpnGraph(backbone) : backbone;
      if (flags.format === 'svg') {
        // Graphviz as WebAssembly: loaded only to draw.
        const { instance } = await import('@viz-js/viz');
        console.log((await instance()).renderString(graphToDot(graph, size), { format: 'svg' }));
        return;
      }
      const description = describeModel(model, stage5, size, top);
      const { rows } = summarize(graph, size);
      const layers = rows.map(({ op, ...row }) => ({ ...row, type: op }));
      print({ ...description, layers }, { json: flags.format === 'json' }, () => {
        const cells = rows.map((row) => [row.name, row.op, row.shape.join('×'), row.parameters, row.inputs.join(', ')]);
        const table = formatTable(['layer', 'type', 'output shape', 'parameters', 'connected to'], cells);
        return `${table}\n\n${totals(description, flags.fpn ?? false)}`;
      });
    });
}

function totals({ name, size, parameters, gmacs, levels, pyramid }: ModelDescription, fpn: boolean): string {
  const count = (value: number) => value.toLocaleString('en');
  const table = [...levels, ...((fpn && pyramid?.levels) || [])].map((level) => [
    level.name,
    level.shape.join('×'),
    level.stride,
    level.node,
  ]);
  return [
    formatTable(['level', 'shape', 'stride', 'layer'], table),
    '',
    `${name} at ${size}×${size}: ${gmacs.toFixed(2)} GMAC per image`,
    `parameters: ${count(parameters.total)} (trainable ${count(parameters.trainable)}, non-trainable ${count(parameters.nonTrainable)})`,
    ...(fpn && pyramid
      ? [`the pyramid adds ${pyramid.gmacs.toFixed(2)} GMAC and ${count(pyramid.parameters)} parameters`]
      : []),
  ].join('\n');
}
