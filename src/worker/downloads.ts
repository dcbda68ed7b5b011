import type { Redis } from 'ioredis';
import { asCairnError, type CairnError } from '../errors.js';
import type { ImageFetcher } from '../images/fetch.js';
import type { ImageSource, Upload } from '../images/image-source.js';
import type { ImageIntake } from '../images/intake.js';
import type { RedisKeys } from '../redis/keys.js';
import { Postponed } from './postponed.js';

export interface DownloadsParts {
  readonly intake: ImageIntake;
  readonly fetcher: ImageFetcher;
  /** Counts downloads of all workers; without it only this one's are limited. */
  readonly shared?: { readonly redis: Pick<Redis, 'multi'>; readonly keys: RedisKeys };
}

export interface DownloadLimits {
  /** Downloads under way at once: fewer than the jobs of a worker, so that places are left for others. */
  readonly concurrency: number;
  /** Of them, from one host. */
  readonly perHost: number;
  /** Downloads that all workers together begin per second, from one host. */
  readonly hostRate: number;
}

type UrlSource = Extract<ImageSource, { kind: 'url' }>;
type Found = { readonly upload: Upload } | { readonly error: CairnError };

/** URLs that are remembered, of some hundred bytes each. */
const MAX_KNOWN = 10_000;
const REMEMBERED_MS = 10 * 60_000;
const SECOND_MS = 1000;

/**
 * Downloads images, without holding a place of the worker for what has to wait: a job whose host has enough to do, or whose
 * URL is being downloaded for another, is postponed. What a URL led to is remembered for a while within its scope: a batch
 * that names a URL a thousand times downloads it once.
 */
export class Downloads {
  private underWay = 0;
  private readonly hosts = new Map<string, number>();
  private readonly flying = new Set<string>();
  /** The oldest first. */
  private readonly known = new Map<string, Found & { readonly until: number }>();

  constructor(
    private readonly parts: DownloadsParts,
    private readonly limits: DownloadLimits,
  ) {}

  /** Downloads that are under way. */
  get inUse(): number {
    return this.underWay;
  }

  /**
   * The image at a URL, kept in the store; `onBegin` is called when the download begins.
   *
   * @throws Postponed when it cannot begin now, else as the fetcher and the intake.
   */
  async get(source: UrlSource, scope: string, signal: AbortSignal, onBegin: () => void): Promise<Upload> {
    const name = `${scope} ${source.url}`;
    const found = await this.recall(name);
    if (found) return found;
    const { host } = new URL(source.url);
    const ofHost = this.hosts.get(host) ?? 0;
    const { concurrency, perHost } = this.limits;
    if (this.flying.has(name) || this.underWay >= concurrency || ofHost >= perHost) throw new Postponed();
    this.flying.add(name);
    this.hosts.set(host, ofHost + 1);
    this.underWay++;
    try {
      if (!(await this.mayBegin(host))) throw new Postponed();
      onBegin();
      const { fetcher, intake } = this.parts;
      const kept = await fetcher.fetch(source.url, signal, (body) => intake.upload(body, source.maxBytes, signal));
      this.remember(name, { upload: kept.source });
      return kept.source;
    } catch (error) {
      if (error instanceof Postponed || signal.aborted) throw error;
      const failure = asCairnError(error);
      if (!failure.transient) this.remember(name, { error: failure });
      throw error;
    } finally {
      this.underWay--;
      this.flying.delete(name);
      this.leave(host);
    }
  }

  private leave(host: string): void {
    const left = this.hosts.get(host)! - 1;
    if (left === 0) this.hosts.delete(host);
    else this.hosts.set(host, left);
  }

  private async recall(name: string): Promise<Upload | undefined> {
    const found = this.known.get(name);
    if (!found) return undefined;
    if (found.until > Date.now()) {
      if ('error' in found) throw found.error;
      // It is used again, so it is as young as if it had just come, and it may have been deleted.
      const { upload } = found;
      if (await this.parts.intake.renew(upload)) return upload;
    }
    this.known.delete(name);
    return undefined;
  }

  private remember(name: string, found: Found): void {
    this.known.delete(name);
    this.known.set(name, { ...found, until: Date.now() + REMEMBERED_MS });
    if (this.known.size > MAX_KNOWN) this.known.delete(this.known.keys().next().value!);
  }

  /** Counts a download among those of this second. A Redis that does not count lets it pass: this worker's limits remain. */
  private async mayBegin(host: string): Promise<boolean> {
    const { shared } = this.parts;
    if (!shared) return true;
    const key = shared.keys.downloads(host, Math.floor(Date.now() / SECOND_MS));
    try {
      const replies = await shared.redis
        .multi()
        .incr(key)
        .pexpire(key, 10 * SECOND_MS)
        .exec();
      return (replies?.[0]?.[1] as number) <= this.limits.hostRate;
    } catch {
      return true;
    }
  }
}
