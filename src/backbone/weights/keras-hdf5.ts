import pLimit from 'p-limit';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { FLOAT_BYTES, FLOATS_READ, type FloatType } from '../../formats/floats.js';
import type { Hdf5Reply, Hdf5Request } from './hdf5-thread.js';
import { unreadable, type WeightsEntry, type WeightsReader } from './weights-reader.js';

/** Timeout of one reply in milliseconds: the longest is a tensor of a few MB. */
const TIMEOUT_MS = 60_000;

/**
 * Opens a Keras HDF5 weights file: those of Keras 1 and 2, of Keras 3's legacy writer, and Keras 3's own
 * `.weights.h5`. The tensors are those below the root, or below `model_weights` in a file that holds a
 * whole model. The file is read in a separate thread.
 *
 * @throws CairnError `weights-unreadable` when the file is not HDF5, is cut short or holds no tensors.
 */
export async function openKerasHdf5(path: string, timeoutMs = TIMEOUT_MS): Promise<WeightsReader> {
  const thread = new Hdf5Thread(path, timeoutMs);
  try {
    const entries = await thread.entries();
    const indices = new Map(entries.map((entry, index) => [entry, index]));
    let ambiguous: Promise<boolean> | undefined;
    return {
      format: 'keras-hdf5',
      entries: () => entries,
      read: async (entry) => {
        const { path: name, dtype } = entry;
        if (!isFloatType(dtype)) throw unreadable(path, `${name} has type ${dtype}; ${FLOATS_READ}`);
        if (dtype === 'float16' && (await (ambiguous ??= definesBfloat16(path)))) {
          throw unreadable(path, `${name} may be float16 or bfloat16, and the file has both; save it as float32`);
        }
        return thread.read({ index: indices.get(entry)!, type: dtype });
      },
      close: () => thread.close(),
    };
  } catch (error) {
    await thread.close();
    throw error;
  }
}

/** The thread of one file, for one request at a time. Once it has died or timed out, all requests fail. */
class Hdf5Thread {
  private readonly worker: Worker;
  private readonly oneByOne = pLimit(1);
  private readonly ended = new AbortController();

  constructor(
    private readonly path: string,
    private readonly timeoutMs: number,
  ) {
    this.worker = new Worker(new URL('./hdf5-thread.js', import.meta.url), {
      workerData: path,
      // Flags of this process, such as --eval, may not suit a file.
      execArgv: [],
      // Swallow its crash output.
      stderr: true,
    });
    this.worker.on('error', () => this.fail('HDF5 fails on it; it may be damaged'));
    this.worker.on('exit', () => this.fail('HDF5 has ended'));
  }

  async entries(): Promise<readonly WeightsEntry[]> {
    const reply = await this.reply();
    if ('entries' in reply) return reply.entries;
    throw unreadable(this.path, 'error' in reply ? reply.error : 'HDF5 gives no information about it');
  }

  async read(request: Hdf5Request): Promise<Float32Array> {
    const reply = await this.reply(request);
    if ('values' in reply) return reply.values;
    throw unreadable(this.path, 'error' in reply ? reply.error : 'HDF5 does not give its values');
  }

  async close(): Promise<void> {
    await this.worker.terminate();
  }

  /** The reply to `request`, or the first one, which needs none. */
  private reply(request?: Hdf5Request): Promise<Hdf5Reply> {
    const { signal } = this.ended;
    return this.oneByOne(async () => {
      const timer = setTimeout(() => {
        this.fail('HDF5 does not finish reading it; it may be damaged');
        void this.worker.terminate();
      }, this.timeoutMs);
      try {
        if (request) this.worker.postMessage(request);
        const [reply] = (await once(this.worker, 'message', { signal })) as [Hdf5Reply];
        return reply;
      } catch (error) {
        signal.throwIfAborted();
        throw error;
      } finally {
        clearTimeout(timer);
      }
    });
  }

  private fail(why: string): void {
    this.ended.abort(unreadable(this.path, why));
  }
}

function isFloatType(dtype: string): dtype is FloatType {
  return Object.hasOwn(FLOAT_BYTES, dtype);
}

/**
 * The library reports only the size of a float type. These bytes define a bfloat16 dataset in HDF5: 16 bits, exponent at bit 7 and 8 bits long, mantissa at bit 0 and 7 bits long, bias 127.
 */
const BFLOAT16 = Buffer.from([16, 0, 7, 8, 0, 7, 127, 0, 0, 0]);

async function definesBfloat16(path: string): Promise<boolean> {
  let tail: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    const bytes = Buffer.concat([tail, chunk as Buffer]);
    if (bytes.includes(BFLOAT16)) return true;
    tail = bytes.subarray(-BFLOAT16.length);
  }
  return false;
}
