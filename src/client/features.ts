import type { CallOptions, Connection, Query } from './connection.js';
import { LazyLevel } from './lazy-level.js';
import type { FeatureSet, LevelOptions, RegionRequest } from './resources.js';
import { LevelStream, type Levels } from './safetensors.js';
import type { Tensor } from './tensor.js';

/** Pooled regions of boxes. */
export interface Regions {
  /** F32 `[boxes, height, width, channels]`. */
  readonly regions: Tensor;
  /** U8 `[boxes]`: the number of the level that each box was read from. */
  readonly levels: Tensor;
}

/** A finished feature set on the server. Nothing is fetched before it is asked for. */
export class Features {
  private readonly path: string;
  private description: Promise<FeatureSet> | undefined;

  constructor(
    private readonly connection: Connection,
    /** Id of the feature set: 64 hexadecimal digits. */
    readonly id: string,
  ) {
    this.path = `/v1/features/${encodeURIComponent(id)}`;
  }

  /** How it was made, and its levels; fetched once. @throws RequestError `features-not-found`, `features-corrupt`. */
  describe(call: CallOptions = {}): Promise<FeatureSet> {
    this.description ??= this.connection.json<FeatureSet>(this.path, call).catch((error: unknown) => {
      this.description = undefined;
      throw error;
    });
    return this.description;
  }

  /** Levels, or a part of each, in memory. @throws RequestError as `describe`, `level-absent`, `option-invalid`. */
  read(options: LevelOptions = {}, call: CallOptions = {}): Promise<Levels> {
    // Also a response that breaks off is repeated.
    return this.connection.policy.retry(async () => (await this.openOnce(options, call)).all(), call.signal);
  }

  /** As `read`, but each level is there as soon as it has arrived. A stream that breaks off is not repeated. */
  stream(options: LevelOptions = {}, call: CallOptions = {}): Promise<LevelStream> {
    return this.connection.policy.retry(() => this.openOnce(options, call), call.signal);
  }

  /** A level whose parts are fetched when they are read. @throws RequestError `level-absent` where there is none. */
  async level(name: string, call: CallOptions = {}): Promise<LazyLevel> {
    const { size, levels } = await this.describe(call);
    return LazyLevel.of(this, name, { size, levels });
  }

  /** Regions of boxes, pooled by the server as a detection head expects them: docs/regions.md. */
  roiAlign(request: RegionRequest, call: CallOptions = {}): Promise<Regions> {
    return this.connection.policy.retry(async () => {
      const response = await this.connection.once(`${this.path}/roi-align`, { ...call, json: request });
      const { tensors } = await (await LevelStream.open(this.connection.bytes(response, call))).all();
      return { regions: tensors['regions']!, levels: tensors['levels']! };
    }, call.signal);
  }

  /** The archive, a Zarr v3 group in a zip file, as it arrives. */
  async archive(call: CallOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    return this.connection.bytes(await this.connection.request(`${this.path}.zarr.zip`, call), call);
  }

  /** URL of the archive as a remote Zarr group, for readers such as zarrita. */
  get zarrUrl(): string {
    return this.connection.url(`${this.path}.zarr`);
  }

  private async openOnce({ window, ...options }: LevelOptions, call: CallOptions): Promise<LevelStream> {
    const query: Query = { ...options, window: window?.join(',') };
    const response = await this.connection.once(`${this.path}.safetensors`, { ...call, query });
    return LevelStream.open(this.connection.bytes(response, call));
  }
}
