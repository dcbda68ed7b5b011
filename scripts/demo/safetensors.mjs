// Reads a safetensors file of float16 tensors and sums each one up, to show that the numbers are numbers.
import { open } from 'node:fs/promises';

const MAX_HEADER_BYTES = 1024 * 1024;
const FLOAT16 = Float32Array.from({ length: 65_536 }, (_, bits) => decodeFloat16(bits));

/** Each tensor of `file` as `{ name, dtype, shape, bytes, mean, std, zeros, finite }`, in the file's order. */
export async function summarise(file) {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const length = Number((await read(handle, 0, 8)).readBigUInt64LE());
    if (length > MAX_HEADER_BYTES || 8 + length > size) {
      throw new Error(`${file} is not safetensors: its header would be ${length} bytes.`);
    }
    const { __metadata__: _, ...header } = JSON.parse((await read(handle, 8, length)).toString('utf8'));

    const tensors = [];
    const entries = Object.entries(header).sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0]);
    for (const [
      name,
      {
        dtype,
        shape,
        data_offsets: [start, end],
      },
    ] of entries) {
      const count = shape.reduce((product, side) => product * side, 1);
      if (dtype !== 'F16' || end - start !== count * 2 || 8 + length + end > size) {
        throw new Error(`${file}: ${name} (${dtype} ${shape.join('×')}) has ${end - start} bytes of ${size}.`);
      }
      const bytes = await read(handle, 8 + length + start, end - start);
      tensors.push({ name, dtype: 'float16', shape, bytes: bytes.length, ...statistics(bytes) });
    }
    return tensors;
  } finally {
    await handle.close();
  }
}

function statistics(bytes) {
  const values = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
  let sum = 0;
  let squares = 0;
  let zeros = 0;
  for (let i = 0; i < values.length; i++) {
    const value = FLOAT16[values[i]];
    sum += value;
    squares += value * value;
    if (value === 0) zeros++;
  }
  const mean = sum / values.length;
  return {
    mean,
    std: Math.sqrt(Math.max(0, squares / values.length - mean * mean)),
    zeros: zeros / values.length,
    finite: Number.isFinite(squares),
  };
}

function decodeFloat16(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

async function read(handle, position, length) {
  const buffer = Buffer.from(new ArrayBuffer(length)); // aligned, unlike a slice of Node's pool
  for (let done = 0; done < length;) {
    const { bytesRead } = await handle.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) throw new Error(`the file ends ${length - done} bytes early`);
    done += bytesRead;
  }
  return buffer;
}
