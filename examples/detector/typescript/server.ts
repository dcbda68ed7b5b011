/** The server refused the request: repeating it gives the same response. */
export class Refused extends Error {}

/** Requests to Cairn. */
export class Server {
  constructor(private readonly address: string) {}

  /**
   * The response, whose body is still to be read; `body` is sent as JSON, with POST.
   *
   * @throws Refused with the problem's text for a status of 4xx except 429; other errors may be transient.
   */
  async open(path: string, body?: unknown): Promise<Response> {
    const post = { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const response = await fetch(new URL(path, this.address), body === undefined ? {} : post);
    if (response.ok) return response;
    const problem = `${response.status}: ${await response.text()}`;
    if (response.status < 500 && response.status !== 429) throw new Refused(problem);
    throw new Error(problem);
  }

  /** The bytes of the response as they arrive. */
  async stream(path: string, body?: unknown): Promise<AsyncIterable<Uint8Array>> {
    return (await this.open(path, body)).body as AsyncIterable<Uint8Array>;
  }
}
