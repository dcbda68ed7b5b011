import { expect, test } from '@jest/globals';
import { build } from 'esbuild';
import { readFile } from 'node:fs/promises';
import { createContext, runInContext } from 'node:vm';
import { clientSchema, SCHEMA_FILE } from '../../../scripts/client/schema.mjs';
import { builtFile } from '../../support/fixtures.js';

test('the types are those of the interface: npm run client:schema writes them', async () => {
  expect(await readFile(SCHEMA_FILE, 'utf8')).toBe(await clientSchema());
});

test('the client runs in a page: one script, without anything of Node', async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: [builtFile('client/index.js').pathname],
    bundle: true,
    platform: 'browser',
    format: 'iife',
    globalName: 'cairnClient',
    target: 'es2022',
    write: false,
    metafile: true,
    minify: true,
  });
  const packages = Object.keys(metafile.inputs).flatMap((path) => /node_modules\/([^/]+)/.exec(path)?.[1] ?? []);
  expect([...new Set(packages)].sort()).toEqual(['eventsource-parser', 'modern-tar']);
  expect(outputFiles).toHaveLength(1);

  // What pages have, and nothing of Node: no process, no Buffer.
  const names =
    'fetch Headers URL URLSearchParams AbortController AbortSignal ReadableStream WritableStream Blob crypto';
  const values = 'TextDecoder TextEncoder performance setTimeout clearTimeout DOMException ByteLengthQueuingStrategy';
  const globals = globalThis as unknown as Record<string, unknown>;
  const page = createContext(Object.fromEntries(`${names} ${values}`.split(' ').map((name) => [name, globals[name]])));
  page['asked'] = [] as string[];
  page['fetch'] = (url: string) => {
    (page['asked'] as string[]).push(url);
    return Promise.resolve(new Response('{"models":[{"name":"m"}]}'));
  };
  runInContext(outputFiles[0]!.text, page);
  const found = runInContext(`new cairnClient.Cairn('http://h').models(64)`, page) as Promise<unknown>;
  expect(await found).toEqual([{ name: 'm' }]);
  expect(page['asked']).toEqual(['http://h/v1/models?size=64']);
});
