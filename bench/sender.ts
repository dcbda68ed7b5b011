import { Agent, request } from 'node:http';

/** Posts bodies to one server over connections that are kept alive. */
export class Sender {
  private readonly agent: Agent;

  constructor(
    private readonly origin: string,
    readonly connections: number,
  ) {
    this.agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  /** Resolves with the body of the answer. Throws where its status is not 2xx. */
  post(path: string, type: string, body: Buffer): Promise<string> {
    return new Promise((done, failed) => {
      const headers = { 'content-type': type, 'content-length': body.length };
      const sent = request(new URL(path, this.origin), { method: 'POST', agent: this.agent, headers }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => (text += part));
        answer.once('error', failed);
        answer.once('end', () => {
          if (answer.statusCode! < 300) done(text);
          else failed(new Error(`POST ${path}: HTTP ${answer.statusCode}: ${text}`));
        });
      });
      sent.once('error', failed);
      sent.end(body);
    });
  }

  /** Calls `task` for every number below `count`, on all connections at once. */
  async each(count: number, task: (index: number) => Promise<unknown>): Promise<void> {
    let next = 0;
    const connection = async () => {
      while (next < count) await task(next++);
    };
    await Promise.all(Array.from({ length: this.connections }, connection));
  }

  close(): void {
    this.agent.destroy();
  }
}
