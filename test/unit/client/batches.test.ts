import { expect, test } from '@jest/globals';
import { inOrder } from '../../../src/client/in-order.js';
import { Cairn } from '../../../src/client/index.js';
import { useHttpServers } from '../../support/http-server.js';

const { serve } = useHttpServers();
const result = (line: number) => `${JSON.stringify({ cursor: `${line}-0`, line, name: '', state: 'completed' })}\n`;

test('results continue after the last cursor, until a response that began when the batch was finished', async () => {
  const asked: string[] = [];
  let state = 'running';
  const url = await serve((request, response) => {
    if (!request.url!.includes('/results')) {
      response.end(JSON.stringify({ state }));
      return;
    }
    asked.push(new URL(request.url!, 'http://h').searchParams.get('after') ?? '');
    response.writeHead(200);
    // Broken off in a line, ended early, and whole.
    if (asked.length === 1) response.write(`${result(1)}\n${result(2)}{"cur`, () => response.destroy());
    else if (asked.length === 2) {
      state = 'completed';
      response.end(result(3));
    } else response.end(asked.length === 3 ? result(4) : '');
  });
  const lines: number[] = [];
  for await (const { line } of new Cairn(url).batches.results('b')) lines.push(line);
  expect(lines).toEqual([1, 2, 3, 4]);
  expect(asked).toEqual(['', '2-0', '3-0']);
});

test('an image that is refused leaves its line empty; a server that is away fails the submission', async () => {
  const bodies: string[] = [];
  const url = await serve((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      if (request.method === 'HEAD') response.writeHead(404).end();
      else if (request.url === '/v1/images') {
        const [status, answer] =
          body === 'bad'
            ? [415, { code: 'image-unsupported', detail: 'Bad.' }]
            : body === 'away'
              ? [503, { code: 'store-unavailable', detail: 'Away.' }]
              : [201, { sha256: `digest of ${body}` }];
        response.writeHead(status).end(JSON.stringify(answer));
      } else {
        bodies.push(body);
        response.writeHead(202).end(JSON.stringify({ id: 'b', key: request.headers['idempotency-key'] }));
      }
    });
  });
  const { batches } = new Cairn(url, { retry: { limitMs: 0 } });
  const image = (text: string) => ({ image: new TextEncoder().encode(text), name: text });
  const submitted = await batches.submit([image('a'), image('bad'), { image: { url: 'http://h/' } }], { size: 64 });
  expect(submitted).toMatchObject({ found: false, refused: [{ line: 2, name: 'bad' }] });
  expect((submitted.batch as unknown as { key: string }).key).toMatch(/^[0-9a-f]{32}$/);
  expect(bodies[0]!.split('\n').map((line) => (line === '' ? '' : (JSON.parse(line) as unknown)))).toEqual([
    { source: { sha256: 'digest of a' }, name: 'a' },
    '',
    { source: { url: 'http://h/' } },
    '',
  ]);
  await expect(batches.submit([image('a'), image('away')])).rejects.toMatchObject({ code: 'store-unavailable' });
});

test('work is done at once and its results come in order', async () => {
  let running = 0;
  let most = 0;
  const work = async (item: number) => {
    most = Math.max(most, ++running);
    for (let i = 0; i < 10 - item; i++) await Promise.resolve();
    running--;
    return item;
  };
  const results: number[] = [];
  for await (const item of inOrder([1, 2, 3, 4, 5], 3, work)) results.push(item);
  expect([results, most]).toEqual([[1, 2, 3, 4, 5], 3]);
});
