import { CairnError } from '../../errors.js';
import { openForReading } from '../../files/byte-source.js';
import { ZipReader } from '../../formats/zip/zip-reader.js';
import type { Graph } from '../graph/graph.js';
import { refusal, tellFileKind } from './file-kind.js';
import { openKerasHdf5 } from './keras-hdf5.js';
import { openNpz } from './npz-file.js';
import { openNumpyPickle } from './pickle/numpy-pickle.js';
import { openTorchLegacy } from './pickle/torch-legacy.js';
import { isTorchZip, openTorchZip } from './pickle/torch-zip.js';
import { openSafetensorsFile } from './safetensors-file.js';
import { seededWeights } from './seeded.js';
import { unreadable, type WeightsReader } from './weights-reader.js';

/**
 * Opens the weights that `spec` names: a seed, or a file of Keras HDF5, safetensors, npz, PyTorch or a pickle of NumPy
 * arrays, recognised by its first bytes and not by its name.
 *
 * @throws CairnError `weights-unreadable`, with a way to convert the file where its kind is known
 *   but not supported (`.keras`, TensorFlow checkpoints); `weights-unsafe-pickle` for a pickle of anything but tensors.
 */
export async function openWeights(spec: string, graph: Graph): Promise<WeightsReader> {
  const seed = parseSeed(spec);
  if (seed !== undefined) return seededWeights(graph, seed);
  const kind = await tellFileKind(spec);
  switch (kind) {
    case 'hdf5':
      return openKerasHdf5(spec);
    case 'zip':
      return openZip(spec);
    case 'safetensors':
      return openSafetensorsFile(spec);
    case 'torch':
      return openTorchLegacy(spec, await openForReading(spec));
    case 'pickle':
      return openNumpyPickle(spec, await openForReading(spec));
    default:
      throw unreadable(spec, refusal(kind, spec));
  }
}

/**
 * The seed that `spec` names, or undefined for a path.
 *
 * @throws CairnError `option-invalid` when it begins like a seed but is not one.
 */
export function parseSeed(spec: string): number | undefined {
  if (!/^seeded(:|$)/.test(spec)) return undefined;
  const match = /^seeded(?::(\d{1,15}))?$/.exec(spec);
  if (!match) throw new CairnError('option-invalid', `"${spec}" is not a seed; write seeded or seeded:N with N ≥ 0.`);
  return Number(match[1] ?? 0);
}

/** numpy, PyTorch and Keras all write zips; the entries show which. */
async function openZip(path: string): Promise<WeightsReader> {
  const file = await openForReading(path);
  const zip = await ZipReader.open(file).catch(async (cause: unknown) => {
    await file.close();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw unreadable(path, `it cannot be opened as a zip and may be truncated (${why})`, cause);
  });
  const names = [...zip.entries.keys()];
  if (names.some((name) => name.endsWith('.npy'))) return openNpz(path, zip);
  if (isTorchZip(names)) return openTorchZip(path, zip);
  await zip.close();
  if (names.some((name) => name.startsWith('model.weights.'))) throw unreadable(path, refusal('keras', path));
  throw unreadable(path, 'it is a zip without arrays of numpy (.npy) or a file of PyTorch (data.pkl)');
}
