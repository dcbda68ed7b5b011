import { FileStore } from './file-store.js';
import type { S3Settings } from './s3/s3-client.js';
import type { ProbedStore } from './store-health.js';
import type { Store } from './store.js';

/** A folder, or a prefix of a bucket. */
export type StoreSettings =
  | { readonly kind: 'folder'; readonly folder: string; readonly reserveBytes: number }
  | ({ readonly kind: 's3' } & S3Settings);

export interface OpenStore extends Store, ProbedStore {
  /** @throws CairnError `store-unavailable` where the store is gone, or is not the one that was identified. */
  checkPresent(): Promise<void>;
}

/** Makes the store that is configured; nothing is asked of it yet. */
export async function openStore(settings: StoreSettings): Promise<OpenStore> {
  if (settings.kind === 'folder') return new FileStore(settings.folder, settings.reserveBytes);
  // The SDK takes a moment to load, and memory.
  const { S3Store } = await import('./s3/s3-store.js');
  return new S3Store(settings);
}

/** A store in messages. */
export function storeName(settings: StoreSettings): string {
  if (settings.kind === 'folder') return settings.folder;
  return `s3://${[settings.bucket, settings.prefix].filter(Boolean).join('/')}`;
}
