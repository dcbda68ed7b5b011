/**
 * A client of Cairn's HTTP interface for browsers and Node: `fetch` and nothing of Node. docs/client.md shows it.
 *
 * @packageDocumentation
 */
export { Announcements, type SubscribeOptions } from './announcements.js';
export { BatchFeatureStream, type StreamedSet } from './batch-features.js';
export {
  Batches,
  type BatchFeatureOptions,
  type BatchImage,
  type BatchSet,
  type RefusedImage,
  type ResultOptions,
  type Submitted,
  type SubmitOptions,
} from './batches.js';
export { Cairn } from './cairn.js';
export type { CallOptions, ConnectionOptions } from './connection.js';
export type { ConsumeOptions, Delivery } from './consumer.js';
export { Features, type Regions } from './features.js';
export type { ByteStream, ImageSource } from './image-source.js';
export { Images } from './images.js';
export { Jobs, type WaitOptions } from './jobs.js';
export { LazyLevel, type Cells } from './lazy-level.js';
export { RequestError, type ResponseFacts } from './request-error.js';
export type * from './resources.js';
export { RetryPolicy, type RetryOptions } from './retry-policy.js';
export { LevelStream, type Levels, type LevelsMetadata } from './safetensors.js';
export { Tensor, type TensorDtype } from './tensor.js';
export { CairnError, type ErrorCode } from '../errors.js';
