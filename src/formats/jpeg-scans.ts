const MARKER = 0xff;
const START_OF_IMAGE = 0xd8;
const END_OF_IMAGE = 0xd9;
const START_OF_SCAN = 0xda;

/** Bytes after `MARKER` that begin no segment: an escaped 0xff of the data, TEM, restarts, and a second start. */
function standsAlone(code: number): boolean {
  return code <= 0x01 || (code >= 0xd0 && code <= START_OF_IMAGE);
}

/**
 * Counts the scans of a JPEG file while its bytes come in, without decoding it: as libjpeg does, it skips segments by
 * their lengths, so that bytes within them, such as a thumbnail, do not count, and ends at the end of the image. Files of
 * other formats have none.
 */
export class JpegScanCounter {
  count = 0;
  /** Bytes of the file so far, up to 2: its signature. */
  private seen = 0;
  private over = false;
  private state: 'data' | 'code' | 'length' | 'segment' = 'data';
  /** The bytes of a length, or those of a segment that are left to skip. */
  private lengthBytes: number[] = [];
  private left = 0;

  add(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let at = this.readSignature(bytes);
    while (!this.over && at < bytes.length) {
      switch (this.state) {
        case 'data': {
          const next = bytes.indexOf(MARKER, at);
          if (next === -1) return;
          at = next + 1;
          this.state = 'code';
          break;
        }
        case 'code':
          this.readCode(bytes[at++]!);
          break;
        case 'length':
          this.readLength(bytes[at++]!);
          break;
        case 'segment': {
          const skipped = Math.min(this.left, bytes.length - at);
          at += skipped;
          this.left -= skipped;
          if (this.left === 0) this.state = 'data';
        }
      }
    }
  }

  private readSignature(bytes: Buffer): number {
    let at = 0;
    for (; this.seen < 2 && at < bytes.length; this.seen++, at++) {
      if (bytes[at] !== [MARKER, START_OF_IMAGE][this.seen]) this.over = true;
    }
    return at;
  }

  private readCode(code: number): void {
    // Any number of fill bytes may precede the code.
    if (code === MARKER) return;
    if (code === START_OF_SCAN) this.count++;
    if (code === END_OF_IMAGE) this.over = true;
    this.lengthBytes = [];
    this.state = standsAlone(code) ? 'data' : 'length';
  }

  /** A length counts its own two bytes. */
  private readLength(byte: number): void {
    this.lengthBytes.push(byte);
    if (this.lengthBytes.length < 2) return;
    this.left = Math.max(0, Buffer.from(this.lengthBytes).readUInt16BE() - 2);
    this.state = this.left === 0 ? 'data' : 'segment';
  }
}
