import type { components, operations } from './api-schema.js';

type Schemas = components['schemas'];
type QueryOf<Name extends keyof operations> = NonNullable<operations[Name]['parameters']['query']>;

/** The extraction of the features of one image. */
export type Job = Schemas['Job'];
/** Many images that were submitted together. */
export type Batch = Schemas['Batch'];
/** The outcome of one line of a batch. */
export type BatchResult = Schemas['BatchResult'];
/** How a feature set was made, and the levels that it holds. */
export type FeatureSet = Schemas['FeatureSet'];
/** A feature set: its id and the path of its description. */
export type FeatureSetReference = Schemas['FeatureSetReference'];
/** A finished feature set, as it is announced. */
export type Announcement = Schemas['Announcement'];
/** Consumers that share feature sets among them. */
export type ConsumerGroup = Schemas['ConsumerGroup'];
/** An entry of the catalogue. */
export type Model = Schemas['Model'];
/** Boxes, and how their regions are pooled: docs/regions.md. */
export type RegionRequest = Schemas['RegionRequest'];
/** Name of a level. */
export type LevelName = Announcement['levels'][number];
/** The affine map of a level in 8-bit integers: values are `scale × (q − zeroPoint)`. */
export type Quantization = Schemas['Quantization'];

/** Options of a job: model, levels, dtype, size, … of docs/http.md. */
export type JobOptions = Readonly<QueryOf<'submitJob'>>;
/** Options of `extract`: those of a job, and how its levels are sent. */
export type ExtractOptions = Readonly<QueryOf<'extract'>>;
/** Which levels of a feature set are sent, in which order and type, and what is cut out of them. */
export type LevelOptions = Readonly<Omit<QueryOf<'getLevels'>, 'window'>> & {
  /** `[y0, x0, y1, x1]` in pixels of the canvas: the part to cut out of each level. Default: whole levels. */
  readonly window?: Window;
};
/** `[y0, x0, y1, x1]` in pixels of the canvas. */
export type Window = readonly [number, number, number, number];
