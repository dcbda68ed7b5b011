import { dirname, join } from 'node:path';
import { Command, Option } from 'commander';
import { findCalibration, loadCalibration } from '../backbone/calibration/find-calibration.js';
import { findModel, graphFor } from '../backbone/catalogue.js';
import type { ExportRequest } from '../backbone/export/export-request.js';
import { onnxFile } from '../backbone/export/onnx-file.js';
import { tfjsFiles, type NamedFile } from '../backbone/export/tfjs-files.js';
import { defaultWeights } from '../backbone/weights/default-weights.js';
import { loadWeights } from '../backbone/weights/weights.js';
import { loadConfig } from '../config/config.js';
import { readEnv } from '../config/env.js';
import { softwareVersion } from '../config/version.js';
import { makeFolder, writeWhole } from '../files/durable.js';
import { withLevels } from '../spec/default-levels.js';
import { addFeatureFlags, specFromFlags, type FeatureFlags } from './flags.js';
import { megabytes, print, warnOfSeededWeights } from './output.js';

const FORMATS = ['onnx', 'tfjs'] as const;

interface Flags extends FeatureFlags {
  readonly format: (typeof FORMATS)[number];
  readonly calibration?: string;
  readonly out: string;
  readonly json?: boolean;
}

/** `cairn export`: a network with its weights, for other runtimes. */
export function exportCommand(): Command {
  return addFeatureFlags(new Command('export'), ['model', 'dtype', 'codec', 'quality'])
    .description('write a network as an ONNX file, or as a folder for TensorFlow.js')
    .argument('<model>', 'a model of `cairn models`')
    .addOption(new Option('--format <format>', 'what to write').choices(FORMATS).default('onnx'))
    .option('--dtype <dtype>', 'element type of the outputs: float32, float16 or uint8', 'float32')
    .option('--calibration <file>', 'of `cairn calibrate` (default: the file beside the weights)')
    .requiredOption('--out <path>', 'file (onnx) or folder (tfjs) to write')
    .option('--json', 'print the result as JSON')
    .action(exportModel);
}

async function exportModel(model: string, flags: Flags): Promise<void> {
  const { weightsDir } = loadConfig(readEnv());
  const asked = specFromFlags({ ...flags, model });
  const source = flags.weights ?? (await defaultWeights(model, weightsDir));
  const calibrationFile = findCalibration(asked, source, weightsDir, flags.calibration);
  const spec = await withLevels(asked, source);
  const graph = graphFor(findModel(model), spec.stage5, spec.levels);
  const weights = await loadWeights(source, graph);
  const calibration = calibrationFile && (await loadCalibration(calibrationFile, weights.digest));
  const request: ExportRequest = {
    ...spec,
    graph,
    weights,
    softwareVersion: softwareVersion(),
    ...(calibration && { ranges: calibration.ranges, calibrationDigest: calibration.digest }),
  };
  const files = await filesOf(request, flags);
  for (const { name, bytes } of files) {
    await makeFolder(dirname(name));
    await writeWhole(name, bytes);
  }
  warnOfSeededWeights(model, weights.source);
  const { levels, size, precision, dtype, layout } = spec;
  const bytes = files.reduce((total, file) => total + file.bytes.byteLength, 0);
  const provenance = { weights: weights.source, weightsDigest: weights.digest };
  const written = { file: files.at(-1)!.name, bytes, model, levels, precision, dtype, layout, ...provenance };
  print({ ...written, ...(flags.format === 'onnx' && { size }) }, flags, () => {
    return `${levels.join(', ')} of ${model} written to ${written.file} (${megabytes(bytes)})`;
  });
}

/** The files with their paths; that by which the network is opened is the last. */
async function filesOf(request: ExportRequest, { format, out }: Flags): Promise<NamedFile[]> {
  if (format === 'onnx') return [{ name: out, bytes: onnxFile(request) }];
  return (await tfjsFiles(request)).map(({ name, bytes }) => ({ name: join(out, name), bytes }));
}
