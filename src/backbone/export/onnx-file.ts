import { EXPORT_IO } from '../engine/onnx/image-io.js';
import { lowerToInt8 } from '../engine/onnx/lower-int8.js';
import { lowerToOnnx } from '../engine/onnx/lower.js';
import { Plan } from '../engine/plan.js';
import { axesOf } from '../tensor.js';
import { exportMetadata, type ExportRequest } from './export-request.js';

/**
 * The ONNX model that the engine runs, as the bytes of a file.
 *
 * Input `images`: uint8 RGB `[batch, size, size, 3]`. Outputs: the levels under their names, `[batch, …]` in the axis order and
 * type of the request; of `uint8` also `<level>/scale` and `<level>/zeroPoint`, float32 `[batch]`, or one value for all images
 * where the network computes in integers. The engine's own model has statistics beside them, which decide nothing.
 *
 * @throws CairnError `option-invalid` when the network does not work on images of this size, `calibration-incomplete`.
 */
export function onnxFile(request: ExportRequest): Uint8Array {
  const { graph, weights, levels: outputs, size, dtype, layout, precision, ranges, softwareVersion } = request;
  const plan = new Plan(graph, outputs, size);
  const lower = precision === 'int8' ? lowerToInt8 : lowerToOnnx;
  const options = { outputs, size, dtype, layout, precision, ranges, device: 'cpu', threads: 0 };
  const axes = ['batch', ...axesOf(request)].join(',');
  const metadata = { ...exportMetadata(request), size: String(size), dtype, axes };
  return lower(plan, weights, options, EXPORT_IO, { producerVersion: softwareVersion, metadata });
}
