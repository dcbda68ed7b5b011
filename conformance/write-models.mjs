// Writes the float and the integer network of a model as ONNX files, with the ranges that the integers come from:
//
//     node conformance/write-models.mjs MODEL LEVELS SIZE CALIBRATION FOLDER
//
// The networks are those that `cairn extract` compiles in memory, from the build in dist/, on seeded weights.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { parseCalibration } from '../dist/src/backbone/calibration/calibration.js';
import { findModel, graphFor } from '../dist/src/backbone/catalogue.js';
import { IMAGE_IO } from '../dist/src/backbone/engine/onnx/image-io.js';
import { lowerToInt8 } from '../dist/src/backbone/engine/onnx/lower-int8.js';
import { lowerToOnnx } from '../dist/src/backbone/engine/onnx/lower.js';
import { Plan } from '../dist/src/backbone/engine/plan.js';
import { inputRange } from '../dist/src/backbone/engine/quantized-values.js';
import { loadWeights } from '../dist/src/backbone/weights/weights.js';

const [model, levels, size, calibrationFile, folder] = process.argv.slice(2);
const outputs = levels.split(',');
const graph = graphFor(findModel(model), true, outputs);
const weights = await loadWeights('seeded', graph);
const { ranges } = parseCalibration(await readFile(calibrationFile, 'utf8'), calibrationFile, weights.digest);
const plan = new Plan(graph, outputs, Number(size));
const options = { outputs, size: Number(size), device: 'cpu', threads: 0, dtype: 'float32' };
await writeFile(join(folder, 'float.onnx'), lowerToOnnx(plan, weights, options, IMAGE_IO));
await writeFile(join(folder, 'int8.onnx'), lowerToInt8(plan, weights, { ...options, ranges }, IMAGE_IO));
const nodes = plan.outline().map(({ name }) => name);
await writeFile(
  join(folder, 'ranges.json'),
  JSON.stringify({ nodes, ranges, input: inputRange(graph.input.normalization) }),
);
