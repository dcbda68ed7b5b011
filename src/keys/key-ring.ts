import { timingSafeEqual } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { CairnError } from '../errors.js';
import type { Log } from '../log.js';
import type { ApiKey } from './api-key.js';
import { MAX_FILE_BYTES, parseKeyFile } from './key-file.js';
import { digestOf } from './secret.js';

/** Mounted files and network folders report no changes, so the file is looked at. */
const LOOK_EVERY_MS = 1000;
/** No key is longer; longer texts are not hashed. */
const MAX_SECRET_CHARS = 256;
/** Lines that are named in the log. */
const MAX_NAMED = 10;

/** The keys of a file, which is read again when it changes: a revoked key ends within about a second. */
export class KeyRing {
  private keys: readonly ApiKey[] = [];
  /** Identifies the state of the file that was read last. */
  private seen = '';
  private timer: NodeJS.Timeout | undefined;

  private constructor(
    private readonly path: string,
    private readonly log: Log,
  ) {}

  /** Reads the file, and logs which of its lines are damaged. @throws CairnError `option-invalid` where it cannot be read. */
  static async open(path: string, log: Log, lookEveryMs = LOOK_EVERY_MS): Promise<KeyRing> {
    const ring = new KeyRing(path, log);
    try {
      await ring.look();
    } catch (cause) {
      const { code = '', message } = cause as NodeJS.ErrnoException;
      throw new CairnError('option-invalid', `CAIRN_API_KEYS_FILE: ${path} cannot be read: ${code || message}.`, {
        cause,
      });
    }
    ring.watch(lookEveryMs);
    return ring;
  }

  /**
   * The key of a secret. All keys are compared, each in constant time, so that the time says nothing about how much of a wrong
   * secret was right.
   */
  find(secret: string): ApiKey | undefined {
    if (secret.length > MAX_SECRET_CHARS) return undefined;
    const digest = digestOf(secret);
    let found: ApiKey | undefined;
    for (const key of this.keys) if (timingSafeEqual(key.digest, digest)) found = key;
    return found;
  }

  get size(): number {
    return this.keys.length;
  }

  /** May be called twice. */
  close(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private watch(everyMs: number): void {
    let failing = false;
    const look = async () => {
      try {
        await this.look();
        failing = false;
      } catch (error) {
        // Files are away for a moment while something replaces them; nobody gains access by that.
        if (!failing)
          this.log.warn(`${this.path} cannot be read (${(error as Error).message}); its last keys stay valid`);
        failing = true;
      }
      if (this.timer) this.timer = setTimeout(() => void look(), everyMs).unref();
    };
    this.timer = setTimeout(() => void look(), everyMs).unref();
  }

  /** Reads the file if it is another one than before. */
  private async look(): Promise<void> {
    const { mtimeMs, ctimeMs, size, ino, mode } = await stat(this.path);
    const state = [mtimeMs, ctimeMs, size, ino].join();
    if (state === this.seen) return;
    const text = await readLimited(this.path);
    const { keys, bad } = parseKeyFile(text);
    this.seen = state;
    this.keys = keys;
    for (const { line, problem } of bad.slice(0, MAX_NAMED)) {
      this.log.warn(`${this.path}, line ${line}, gives nobody access: ${problem}`);
    }
    if (bad.length > MAX_NAMED) this.log.warn(`${this.path} has ${bad.length - MAX_NAMED} more damaged lines`);
    if ((mode & 0o022) !== 0) this.log.warn(`${this.path} may be written by others than its owner: chmod 600`);
    this.log.log(`${keys.length} API ${keys.length === 1 ? 'key' : 'keys'} in ${this.path}`);
    if (keys.length === 0)
      this.log.warn('there is no API key: every request is refused (`cairn keys create` makes one)');
  }
}

async function readLimited(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(MAX_FILE_BYTES + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length);
      if (bytesRead === 0) break;
      length += bytesRead;
      if (length > MAX_FILE_BYTES) throw new Error(`it has more than ${MAX_FILE_BYTES} bytes`);
    }
    return buffer.toString('utf8', 0, length);
  } finally {
    await file.close();
  }
}
