import { expect, test } from '@jest/globals';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Cairn } from '../../../src/client/index.js';
import { serverEvents, type Position } from '../../../src/client/server-events.js';
import { useHttpServers } from '../../support/http-server.js';

const { serve } = useHttpServers();

const event = (name: string, data: object, id?: string) =>
  `${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
const set = (id: string) => event('features', { id, features: { id: `f${id}` } }, id);

async function bodyOf(request: IncomingMessage): Promise<{ ids: string[]; consumer?: string }> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return JSON.parse(text) as { ids: string[] };
}

function open(response: ServerResponse, text: string): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).write(text);
}

test('events are read from pieces of any size; an id without data is a position too', async () => {
  const text = `retry: 9\n${event('ready', {}, '1')}:\n\n${set('2')}id: 3\n\n`;
  for (const size of [1, 5, 1000]) {
    // eslint-disable-next-line @typescript-eslint/require-await -- a stream of chunks
    const chunks = async function* () {
      for (let i = 0; i < text.length; i += size) yield Buffer.from(text.slice(i, i + size));
    };
    const position: Position = { retryMs: 2000 };
    const seen: unknown[] = [];
    for await (const { name } of serverEvents(chunks(), position)) seen.push([name, position.lastId]);
    expect(seen).toEqual([
      ['ready', '1'],
      ['features', '2'],
    ]);
    expect(position).toEqual({ retryMs: 9, lastId: '3' });
  }
});

test('a subscriber that is cut off continues after the last id', async () => {
  const asked: string[] = [];
  const url = await serve((request, response) => {
    asked.push(request.url!);
    open(response, `retry: 1\n${event('ready', {}, '1')}${set(String(asked.length + 1))}`);
    setImmediate(() => response.destroy());
  });
  const ids: string[] = [];
  for await (const { id } of new Cairn(url).announcements.subscribe({ model: ['m', 'n'] })) {
    ids.push(id);
    if (ids.length === 3) break;
  }
  expect(ids).toEqual(['2', '3', '4']);
  expect(asked.slice(0, 3)).toEqual([
    '/v1/stream?model=m%2Cn',
    '/v1/stream?model=m%2Cn&after=2',
    '/v1/stream?model=m%2Cn&after=3',
  ]);
});

test('a consumer extends what it holds until it is acknowledged or released, also what waits', async () => {
  const extended: string[][] = [];
  let onExtension: () => void = () => undefined;
  const acknowledged: string[] = [];
  const url = await serve((request, response) => {
    if (request.method === 'GET') {
      open(response, event('ready', {}) + set('1') + set('2') + set('3'));
      return;
    }
    void bodyOf(request).then(({ ids, consumer }) => {
      if (request.url!.endsWith('/ack')) acknowledged.push(...ids);
      else {
        expect([request.url, consumer]).toEqual(['/v1/stream/groups/g/extend', 'c']);
        extended.push(ids);
        onExtension();
      }
      response.end(JSON.stringify({ extended: ids, acknowledged: ids.length }));
    });
  });
  const nextExtension = () => new Promise<void>((resolve) => (onExtension = resolve));
  const options = { group: 'g', consumer: 'c', prefetch: 3, redeliverAfterMs: 60 };
  const taken: string[] = [];
  for await (const delivery of new Cairn(url).announcements.consume(options)) {
    const { id } = delivery.announcement;
    taken.push(id);
    await nextExtension();
    await nextExtension();
    expect(extended.at(-1)).toEqual(['1', '2', '3'].slice(Number(id) - 1));
    if (id === '1') await delivery.acknowledge();
    else delivery.release();
    if (id === '3') break;
  }
  expect([taken, acknowledged]).toEqual([['1', '2', '3'], ['1']]);
  const count = extended.length;
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(extended).toHaveLength(count);
});

test('a consumer that reconnects is not given twice what it is working on; it ends when it is superseded', async () => {
  let connections = 0;
  const url = await serve((_, response) => {
    connections++;
    if (connections === 1) {
      open(response, `retry: 1\n${set('1')}`);
      setImmediate(() => response.destroy());
    } else open(response, set('1') + set('2') + event('end', { reason: 'superseded' }));
  });
  const ids: string[] = [];
  for await (const { announcement } of new Cairn(url).announcements.consume({ group: 'g', consumer: 'c' })) {
    ids.push(announcement.id);
  }
  expect([ids, connections]).toEqual([['1', '2'], 2]);
});
