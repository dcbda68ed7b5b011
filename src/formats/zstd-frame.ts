const MAGIC = 0xfd2fb528;
/** Frame header descriptor: the flags that say which fields follow it (RFC 8878, section 3.1.1.1.1). */
const CONTENT_SIZE_FLAG = 0b1100_0000;
const SINGLE_SEGMENT_FLAG = 0b0010_0000;
const DICTIONARY_FLAG = 0b0000_0011;
/** Content size in four bytes. */
const FOUR_BYTES = 0b1000_0000;

/**
 * The frame with its content's length in its header. A streaming encoder does not know the length
 * when it writes the header, and leaves it out; some readers of Zarr (numcodecs before it learned to
 * stream) refuse such frames. Blocks do not depend on the header, so they are kept as they are.
 *
 * @throws Error when the frame does not begin as a streaming encoder's does.
 */
export function declareContentSize(frame: Buffer, length: number): Buffer {
  const descriptor = frame[4] ?? 0;
  if (frame.length < 6 || frame.readUInt32LE(0) !== MAGIC) throw new Error('not a zstd frame');
  if (descriptor & (CONTENT_SIZE_FLAG | SINGLE_SEGMENT_FLAG)) return frame;
  if (descriptor & DICTIONARY_FLAG) throw new Error('a zstd frame with a dictionary');
  const windowDescriptor = 5;
  const header = Buffer.alloc(10);
  frame.copy(header, 0, 0, windowDescriptor + 1);
  header[4] = descriptor | FOUR_BYTES;
  header.writeUInt32LE(length, windowDescriptor + 1);
  return Buffer.concat([header, frame.subarray(windowDescriptor + 1)]);
}
