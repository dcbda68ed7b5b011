import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { StoreSettings } from '../features/store/open-store.js';
import { flag } from './values.js';

const httpUrl = z.url({ protocol: /^https?$/ });

/** Where images and features are kept. */
export const storeSchema = {
  CAIRN_STORE: z.string().optional().transform(parseStore),
  CAIRN_S3_ENDPOINT: httpUrl.optional(),
  CAIRN_S3_REGION: z.string().optional(),
  CAIRN_S3_PATH_STYLE: z.enum(['true', 'false']).optional(),
  CAIRN_S3_PUBLIC_ENDPOINT: httpUrl.optional(),
  CAIRN_STORE_REDIRECT: flag('false'),
};

type Place = { readonly folder: string } | { readonly bucket: string; readonly prefix: string };
type Vars = z.output<z.ZodObject<typeof storeSchema>>;

/** @throws never; what is wrong is told to `context`. */
function parseStore(value: string | undefined, context: z.RefinementCtx): Place | undefined {
  if (value === undefined || !/^[a-z][a-z0-9+.-]*:\/\//i.test(value)) {
    return value === undefined ? undefined : { folder: value };
  }
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url?.protocol === 'file:') {
    try {
      return { folder: fileURLToPath(url) };
    } catch {
      // Reported below.
    }
  }
  const [, bucket = '', prefix = ''] = /^s3:\/\/([^/]*)\/?(.*?)\/?$/.exec(value) ?? [];
  if (BUCKET.test(bucket) && PREFIX.test(prefix)) return { bucket, prefix };
  context.addIssue({ code: 'custom', message: 'is a folder, file:///folder, s3://bucket or s3://bucket/prefix' });
  return z.NEVER;
}

/** As AWS has them since 2018. */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
/** What needs no escaping anywhere. */
const PREFIX = /^([A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)?$/;

/** The store that variables name; `folder` is that of CAIRN_DATA_DIR. */
export function storeSettings(vars: Vars, folder: string, reserveBytes: number): StoreSettings {
  const place = vars.CAIRN_STORE ?? { folder };
  if ('folder' in place) return { kind: 'folder', folder: place.folder, reserveBytes };
  const { CAIRN_S3_ENDPOINT: endpoint, CAIRN_S3_REGION: region, CAIRN_S3_PUBLIC_ENDPOINT: publicEndpoint } = vars;
  const { CAIRN_S3_PATH_STYLE: pathStyle = String(endpoint !== undefined) } = vars;
  return {
    kind: 's3',
    ...place,
    pathStyle: pathStyle === 'true',
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    ...(publicEndpoint !== undefined && { publicEndpoint }),
  };
}
