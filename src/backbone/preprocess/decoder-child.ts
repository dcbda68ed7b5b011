import { spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { DecodeLimits } from './decode.js';
import { frameOf, readFrames, type DecodeReply, type DecodeRequest, type Frame } from './decoder-frames.js';

export interface DecoderChildOptions {
  readonly decode: Partial<DecodeLimits>;
  readonly cpuMs: number;
  readonly maxBytes: number;
}

const MAIN = fileURLToPath(new URL('./decoder-main.js', import.meta.url));
/** Nothing else of the environment, in which there may be passwords, is for a process that reads strangers' images. */
const ENVIRONMENT =
  /^(PATH|TMPDIR|TEMP|SystemRoot|LD_LIBRARY_PATH|LD_PRELOAD|UV_THREADPOOL_SIZE|(VIPS|MALLOC|NODE)_.*)$/;

/** One process that decodes images; it ends with this one. */
export class DecoderChild {
  private readonly process;
  private readonly channel: Duplex;
  private readonly replies: AsyncGenerator<Frame<DecodeReply>>;
  /** How it ended, once it has. */
  end = 'it has not ended';
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;

  constructor(options: DecoderChildOptions) {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => ENVIRONMENT.test(name)));
    this.process = spawn(process.execPath, [MAIN, JSON.stringify(options)], {
      env,
      stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
    });
    this.channel = this.process.stdio[3] as Duplex;
    // It ends when the process does, however that ends.
    this.channel.on('error', () => undefined);
    this.replies = readFrames<DecodeReply>(this.channel as AsyncIterable<Uint8Array>);
    this.ended = new Promise((resolve) => {
      const note = (how: string) => {
        this.end = how;
        resolve();
      };
      this.process.once('error', (error) => note(`it did not start (${error.message})`));
      this.process.once('exit', (status, signal) =>
        note(signal ? `it was ended by ${signal}` : `it ended with status ${status}`),
      );
    });
  }

  /** Undefined when it ends before it has replied. One request at a time. */
  async ask(request: DecodeRequest, image: Uint8Array): Promise<Frame<DecodeReply> | undefined> {
    for (const chunk of frameOf(request, image)) this.channel.write(chunk);
    const reply = await this.replies.next().catch(() => undefined);
    if (reply?.value) return reply.value as Frame<DecodeReply>;
    this.process.kill('SIGKILL');
    await this.ended;
    return undefined;
  }

  /** Resolves when it has ended. */
  kill(): Promise<void> {
    this.process.kill('SIGKILL');
    return this.ended;
  }
}
