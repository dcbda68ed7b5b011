import { createHash } from 'node:crypto';
import { join, sep } from 'node:path';
import { defaultWeights } from '../backbone/weights/default-weights.js';
import { findCalibration } from '../backbone/calibration/find-calibration.js';
import { CairnError, withoutFolder } from '../errors.js';
import type { Extractor, Image } from './extractor.js';
import { featureId } from '../spec/feature-id.js';
import { refuseLargeSpec, type SpecLimits } from '../spec/spec-limits.js';
import type { FeatureLibrary } from '../features/library.js';
import type { Quarantine } from '../features/store/quarantine.js';
import type { Store } from '../features/store/store.js';
import type { JobPayload, JobResult, JobStage } from '../jobs/payload.js';
import type { Upload } from '../images/image-source.js';
import type { Claims } from './claims.js';
import type { Downloads } from './downloads.js';
import { Postponed } from './postponed.js';

export interface ProcessorParts {
  readonly extractor: Extractor;
  readonly store: Store;
  readonly library: FeatureLibrary;
  readonly quarantine: Quarantine;
  readonly weightsDir: string;
  readonly downloads: Pick<Downloads, 'get'>;
  /** Without it the same features may be computed twice at a time. */
  readonly claims?: Pick<Claims, 'claim'>;
}

/**
 * Does one job: reads the image from the store or the web and writes the archive to the store. A job whose archive
 * exists already is done at once, so that running a job twice writes once. What has to wait, for a download or for another
 * job that computes the same, holds no place of the worker.
 */
export class ExtractProcessor {
  constructor(
    private readonly parts: ProcessorParts,
    private readonly limits: SpecLimits,
  ) {}

  /** @throws Postponed when the image cannot be downloaded now, or another job computes its features, else a CairnError. */
  async process(
    payload: JobPayload,
    signal: AbortSignal,
    onStage: (stage: JobStage) => void,
    jobId: string,
  ): Promise<JobResult> {
    refuseLargeSpec(payload.spec, this.limits);
    const image = await this.locate(payload, signal, onStage, jobId);
    return this.extractOnce(payload, image, signal, onStage, jobId).catch((error: unknown) => {
      throw withoutFolder(error, join(this.parts.weightsDir, sep));
    });
  }

  /** Computes the features unless they are there, and unless another job is at them. */
  private async extractOnce(
    payload: JobPayload,
    image: Upload,
    signal: AbortSignal,
    onStage: (stage: JobStage) => void,
    jobId: string,
  ): Promise<JobResult> {
    const { library, claims } = this.parts;
    const featuresId = promisedId(payload, image.sha256);
    const done: JobResult = { featuresId, timings: {} };
    if (await library.find(featuresId)) return done;
    const release = claims ? await claims.claim(featuresId, jobId) : () => Promise.resolve();
    if (!release) throw new Postponed();
    try {
      // The job that had the claim may have ended in between.
      if (claims && (await library.find(featuresId))) return done;
      return { featuresId, timings: await this.extract(payload, featuresId, image, signal, onStage) };
    } finally {
      await release();
    }
  }

  private async extract(
    { spec, weightsDigest, calibrationDigest }: JobPayload,
    featuresId: string,
    { key, sha256 }: Upload,
    signal: AbortSignal,
    onStage: (stage: JobStage) => void,
  ): Promise<JobResult['timings']> {
    const { extractor, weightsDir } = this.parts;
    const image: Image = { bytes: await this.read(key, sha256, signal), sha256 };
    const weights = await defaultWeights(spec.model, weightsDir);
    const request = { ...spec, weights, calibration: findCalibration(spec, weights, weightsDir) };
    const expected = { weightsDigest, calibrationDigest, featuresId };
    const { timings } = await extractor.extract(image, request, { signal, onStage, ...expected });
    return timings;
  }

  private async locate(
    { source, batch }: JobPayload,
    signal: AbortSignal,
    onStage: (stage: JobStage) => void,
    jobId: string,
  ): Promise<Upload> {
    if (source.kind === 'url') {
      return this.parts.downloads.get(source, batch?.id ?? jobId, signal, () => onStage('fetch'));
    }
    onStage('fetch');
    return source;
  }

  /** The bytes of an image, which must still be those that it is named by. */
  private async read(key: string, sha256: string, signal: AbortSignal): Promise<Buffer> {
    const { store, quarantine } = this.parts;
    const object = await store.open(key, signal);
    if (!object) throw new CairnError('image-missing', 'The image of this job is no longer in the store.');
    try {
      const bytes = await object.read(0, object.size);
      if (createHash('sha256').update(bytes).digest('hex') === sha256) return bytes;
      await quarantine.take('image', key, object.modified, 'its bytes do not have the digest that it is named by');
      throw new CairnError('upload-corrupt', `The stored image ${sha256} is damaged; send it again.`);
    } finally {
      await object.close();
    }
  }
}

/**
 * The id of the features of a job's image.
 *
 * @throws CairnError `version-mismatch` when the server has promised another one than this version computes.
 */
function promisedId({ featuresId, spec, weightsDigest, calibrationDigest }: JobPayload, sha256: string): string {
  const id = featureId(sha256, weightsDigest, { ...spec, calibrationDigest });
  if (featuresId === undefined || featuresId === id) return id;
  const message = `The server promised feature set ${featuresId}; this worker, of another version, computes ${id}.`;
  throw new CairnError('version-mismatch', message);
}
