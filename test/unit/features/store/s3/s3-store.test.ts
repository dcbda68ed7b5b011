import { ListMultipartUploadsCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, test } from '@jest/globals';
import { makeClient } from '../../../../../src/features/store/s3/s3-client.js';
import { headOf } from '../../../../../src/features/store/s3/s3-object.js';
import { S3Store } from '../../../../../src/features/store/s3/s3-store.js';
import { S3RVER, SWIFT, type S3Kind, type S3Server } from '../../../../support/s3/s3-servers.js';
import { testStore, type StoreCase } from '../store-conformance.js';

const LACKS: Readonly<Record<S3Kind['name'], StoreCase['lacks']>> = {
  swift: ['replaced objects stay open'],
  // It writes the files of two writers over each other.
  s3rver: ['replaced objects stay open', 'concurrent writes'],
};

/** Shows objects of one client older than they are: the time of a server cannot be set. */
function ageing(client: S3Client) {
  const ages = new Map<string, { etag: string | undefined; ms: number }>();
  const aged = (key: string, etag: string | undefined, time: Date | undefined) => {
    const age = ages.get(key);
    return age?.etag === etag && age && time ? new Date(time.getTime() - age.ms) : time;
  };
  client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        const result = await next(args);
        const { Key = '' } = args.input as { Key?: string };
        const output = result.output as {
          ETag?: string;
          LastModified?: Date;
          Contents?: { Key: string; ETag?: string; LastModified?: Date }[];
        };
        if (commandName === 'CopyObjectCommand') ages.delete(Key);
        if (output.LastModified) output.LastModified = aged(Key, output.ETag, output.LastModified)!;
        for (const entry of output.Contents ?? []) {
          entry.LastModified = aged(entry.Key, entry.ETag, entry.LastModified)!;
        }
        return result;
      },
    { step: 'initialize', name: 'ageing' },
  );
  return ages;
}

describe.each([SWIFT, S3RVER])('on $name', (kind) => {
  if (kind.missing !== undefined) {
    test.skip(`not here: ${kind.missing}`, () => undefined);
    return;
  }
  let server: S3Server;
  let client: S3Client;
  let ages: ReturnType<typeof ageing>;
  let prefix = '';
  let stores = 0;
  beforeAll(async () => {
    server = await kind.start();
    client = makeClient(server.settings);
    ages = ageing(client);
  });
  afterAll(async () => {
    client.destroy();
    await server.stop();
  });

  testStore({
    name: `on ${kind.name}`,
    make: async () => {
      prefix = `store/${++stores}`;
      const store = new S3Store({ ...server.settings, prefix }, client, { settleMs: 0 });
      await store.identify('owner');
      return store;
    },
    list: async () => {
      const [Bucket, Prefix] = [server.settings.bucket, `${prefix}/`];
      const keys: string[] = [];
      for await (const page of paginateListObjectsV2({ client }, { Bucket, Prefix })) {
        for (const { Key } of page.Contents ?? []) keys.push(Key!.slice(Prefix.length));
      }
      const uploads = await client
        .send(new ListMultipartUploadsCommand({ Bucket, Prefix }))
        .catch(() => ({ Uploads: [] }));
      for (const { Key } of uploads.Uploads ?? []) keys.push(`unfinished ${Key}`);
      return keys.filter((key) => key !== '.cairn-store').toSorted();
    },
    age: async (key, ms) => {
      const Key = `${prefix}/${key}`;
      const { etag } = (await headOf({ client, Bucket: server.settings.bucket, Key }))!;
      ages.set(Key, { etag, ms });
    },
    lacks: LACKS[kind.name] ?? [],
  });
});
