import { Announcements } from './announcements.js';
import { Batches } from './batches.js';
import { Connection, type Call, type CallOptions, type ConnectionOptions } from './connection.js';
import { Features } from './features.js';
import { imageCall, type ImageSource } from './image-source.js';
import { Images } from './images.js';
import { Jobs } from './jobs.js';
import type { ExtractOptions, Model } from './resources.js';
import type { RetryPolicy } from './retry-policy.js';
import { LevelStream, type Levels } from './safetensors.js';

/**
 * A client of a Cairn server, for browsers and Node. Requests that fail and may succeed later are repeated, as the server
 * says; every call takes an `AbortSignal`.
 */
export class Cairn {
  /** One image each: submit, follow, cancel. */
  readonly jobs: Jobs;
  /** Many images at once. */
  readonly batches: Batches;
  /** Images that are sent ahead. */
  readonly images: Images;
  /** Finished feature sets as they are announced, to subscribers and consumer groups. */
  readonly announcements: Announcements;
  /** For callers that repeat steps of their own: by the same rules, within the same outages. */
  readonly retries: RetryPolicy;
  private readonly connection: Connection;

  /** @param server URL of a server, or of a proxy that has one below a path. */
  constructor(server: string | URL, options: ConnectionOptions = {}) {
    this.connection = new Connection(server, options);
    this.retries = this.connection.policy;
    this.jobs = new Jobs(this.connection);
    this.batches = new Batches(this.connection);
    this.images = new Images(this.connection);
    this.announcements = new Announcements(this.connection);
  }

  /**
   * The levels of an image. `metadata.id` names the feature set for later calls.
   *
   * @throws RequestError with the code of the job if it fails, `queue-full` after the retries, `image-…`, `option-…`.
   */
  extract(image: ImageSource, options: ExtractOptions = {}, call: CallOptions = {}): Promise<Levels> {
    const request = extraction(image, options, call);
    const read = async () => (await this.openExtraction(request)).all();
    return request.repeatable === false ? read() : this.connection.policy.retry(read, call.signal);
  }

  /** As `extract`, but each level is there as soon as it has arrived: with `order: 'coarse-first'` the smallest first. */
  extractStream(image: ImageSource, options: ExtractOptions = {}, call: CallOptions = {}): Promise<LevelStream> {
    const request = extraction(image, options, call);
    const open = () => this.openExtraction(request);
    return request.repeatable === false ? open() : this.connection.policy.retry(open, call.signal);
  }

  /** A finished feature set; nothing is fetched yet. */
  features(id: string): Features {
    return new Features(this.connection, id);
  }

  /** The catalogue. @param size side of the canvas that shapes and costs are given for. */
  async models(size?: number, call: CallOptions = {}): Promise<Model[]> {
    return (await this.connection.json<{ models: Model[] }>('/v1/models', { ...call, query: { size } })).models;
  }

  /** Fails unless a server answers. */
  async ping(call: CallOptions = {}): Promise<void> {
    await this.connection.json('/livez', call);
  }

  private async openExtraction(request: Call): Promise<LevelStream> {
    const response = await this.connection.once('/v1/extract', request);
    return LevelStream.open(this.connection.bytes(response, request));
  }
}

/** The server has tried a job that failed several times itself. */
function extraction(image: ImageSource, options: ExtractOptions, call: CallOptions): Call {
  return { ...call, ...imageCall(image), query: options, repeatFaults: false };
}
