import { Agent, request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { FuzzRequest } from './requests.js';
import type { Known } from './known.js';

/** What came back, as far as it was read. */
export interface FuzzAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Milliseconds to the first byte. */
  readonly firstMs: number;
}

/** `left`: the client broke off, as it was to. `refused`: the connection ended without an answer. */
export type Outcome = FuzzAnswer | 'left' | 'refused' | 'late' | 'unsendable';

const READ_BYTES = 1 << 20;
/** Of answers that go on as long as their client. */
const READ_MS = 250;
const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/** Sends a request and reads its answer, or the beginning of one that does not end. */
export function send(origin: string, drawn: FuzzRequest, known: Known, patienceMs: number): Promise<Outcome> {
  const { method, leavesAt } = drawn;
  const body = drawn.body && known.fillBytes(drawn.body);
  const headers = Object.fromEntries(drawn.headers.map(([name, value]) => [name, known.fill(value)]));
  const { hostname, port } = new URL(origin);
  return new Promise((resolve) => {
    const begun = performance.now();
    const timer = setTimeout(() => finish('late'), patienceMs);
    const finish = (outcome: Outcome) => {
      clearTimeout(timer);
      resolve(outcome);
      // Whatever is still to come is not read; an answer that has ended leaves its connection to others.
      if (typeof outcome === 'string') sent?.destroy();
    };
    let sent: ReturnType<typeof request> | undefined;
    try {
      const length = body ? { 'content-length': String(body.length) } : {};
      sent = request({
        hostname,
        port,
        method,
        path: known.fill(drawn.target),
        headers: { ...headers, ...length },
        agent,
      });
    } catch {
      // A name or value that the client refuses to send.
      finish('unsendable');
      return;
    }
    sent.once('error', () => finish('refused'));
    sent.once('response', (response) => read(response, performance.now() - begun, finish));
    if (leavesAt === undefined) {
      sent.end(body);
      return;
    }
    sent.write(body?.subarray(0, Math.floor(leavesAt * body.length)) ?? '');
    setTimeout(() => finish('left'), 5);
  });
}

function read(response: IncomingMessage, firstMs: number, finish: (outcome: FuzzAnswer) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const end = () => {
    clearTimeout(timer);
    const { statusCode: status = 0, headers } = response;
    finish({ status, headers, text: Buffer.concat(chunks).toString('latin1'), firstMs });
    if (!response.complete) response.destroy();
  };
  const timer = setTimeout(end, READ_MS);
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > READ_BYTES) end();
  });
  response.once('end', end).once('error', end);
}
