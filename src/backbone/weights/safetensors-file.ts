import { openForReading } from '../../files/byte-source.js';
import { FLOATS_READ, toFloat32 } from '../../formats/floats.js';
import { floatTypeOf, readSafetensorsHeader, type SafetensorsEntry } from '../../formats/safetensors/read.js';
import { tensorPath, unreadable, type WeightsEntry, type WeightsReader } from './weights-reader.js';

/**
 * Opens a safetensors file.
 *
 * @throws CairnError `weights-unreadable` when the header does not describe the file.
 */
export async function openSafetensorsFile(path: string): Promise<WeightsReader> {
  const file = await openForReading(path);
  const refused = (cause: unknown) => unreadable(path, cause instanceof Error ? cause.message : String(cause), cause);
  try {
    const tensors = new Map<WeightsEntry, SafetensorsEntry>();
    for (const tensor of await readSafetensorsHeader(file)) {
      tensors.set({ path: tensorPath(tensor.name), shape: tensor.shape, dtype: tensor.dtype }, tensor);
    }
    const entries = [...tensors.keys()];
    return {
      format: 'safetensors',
      entries: () => entries,
      read: async (entry) => {
        const type = floatTypeOf(entry.dtype);
        if (!type) throw unreadable(path, `${entry.path} has type ${entry.dtype}; ${FLOATS_READ}`);
        const { start, bytes } = tensors.get(entry)!;
        return file.read(start, bytes).then(
          (data) => toFloat32(data, type),
          (error: unknown) => Promise.reject(refused(error)),
        );
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw refused(error);
  }
}
