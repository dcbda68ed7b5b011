/**
 * Entry of the process that decodes images: `decoder-main OPTIONS`, a JSON object. Frames come and go on file descriptor 3;
 * it ends with that connection. It ends itself when an image takes more CPU time or memory than it may: libvips cannot be
 * interrupted, but its work is in other threads than this code.
 */
import { writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { asCairnError } from '../../errors.js';
import { frameOf, readFrames, type DecodeReply, type DecodeRequest } from './decoder-frames.js';
import type { DecoderChildOptions } from './decoder-child.js';
import { preprocess } from './preprocess.js';

const LOOK_EVERY_MS = 50;
const NO_BYTES = new Uint8Array();
const PARENT = process.ppid;
const MIB = 1 << 20;

const { decode, cpuMs, maxBytes } = JSON.parse(process.argv[2]!) as DecoderChildOptions;
const channel = new Socket({ fd: 3 });

function send(reply: Omit<DecodeReply, 'rss'>, payload: Uint8Array, sent?: () => void): void {
  const [head, body] = frameOf({ ...reply, rss: process.memoryUsage.rss() }, payload) as [Uint8Array, Uint8Array];
  channel.write(head);
  channel.write(body, sent);
}

/** Ends this process once its parent has the reason. */
function giveUp(message: string): void {
  send({ error: { code: 'image-decode-limit', message } }, NO_BYTES, () => process.kill(process.pid, 'SIGKILL'));
}

/** Looks at what decoding takes, until the function that it returns is called. */
function watch(): () => void {
  const before = process.cpuUsage();
  const timer = setInterval(() => {
    // Nobody waits for the image any more.
    if (process.ppid !== PARENT) process.kill(process.pid, 'SIGKILL');
    const { user, system } = process.cpuUsage(before);
    if ((user + system) / 1000 > cpuMs) giveUp(`The image takes more than ${cpuMs / 1000} s of CPU time to decode.`);
    else if (process.memoryUsage.rss() > maxBytes) {
      giveUp(`The image takes more than ${Math.round(maxBytes / MIB)} MiB of memory to decode.`);
    } else return;
    clearInterval(timer);
  }, LOOK_EVERY_MS);
  return () => clearInterval(timer);
}

// When memory runs out, the system ends this process and not the worker beside it.
await writeFile('/proc/self/oom_score_adj', '1000').catch(() => undefined);

for await (const { header, payload } of readFrames<DecodeRequest>(channel)) {
  const done = watch();
  try {
    const { pixels, ...canvas } = await preprocess(Buffer.from(payload.buffer), header.size, decode);
    done();
    send({ canvas }, pixels);
  } catch (error) {
    done();
    const { code, message } = asCairnError(error);
    send({ error: { code, message } }, NO_BYTES);
  }
}
process.exit(0);
