import { expect, test } from '@jest/globals';
import { consumeEvent, followEvent } from '../../../../src/api/stream/stream-events.js';
import { specFor } from '../../../support/specs.js';
import { parseEvent } from '../../../integration/support/event-client.js';

const featuresId = 'ab'.repeat(32);
const spec = specFor({ model: 'mask-rcnn-resnet18', levels: ['C2', 'C3'], size: 64, precision: 'float16' });
const announcement = {
  ...spec,
  ...{ featuresId, jobId: 'j', made: true },
  batch: { id: 'b', line: 3, name: 'one\n\ntwo.jpg' },
};
const data = {
  id: '5-1',
  features: { id: featuresId, href: `/v1/features/${featuresId}` },
  ...spec,
  made: true,
  job: { id: 'j', href: '/v1/jobs/j' },
  batch: announcement.batch,
  links: expect.objectContaining({ regions: `/v1/features/${featuresId}/roi-align` }),
};

/** The fields of the one event, as a client reads them. */
function read(text: string) {
  const blocks = text.split('\n\n');
  expect([blocks.length, blocks.at(-1)]).toEqual([2, '']);
  return parseEvent(blocks[0]!);
}

test('subscribers read events that bear the position to resume from', () => {
  expect(read(followEvent({ kind: 'set', id: '5-1', announcement }))).toEqual({ id: '5-1', event: 'features', data });
  expect(read(followEvent({ kind: 'gap', position: '4-0' }))).toEqual({
    ...{ id: '4-0', event: 'gap', data: { missedUntil: '4-0' } },
  });
  expect(followEvent({ kind: 'ready', position: '0-0' })).toMatch(/^retry: \d+\nid: 0-0\nevent: ready\n/);
  // Without data it is no event.
  expect(followEvent({ kind: 'silence', position: '6-0' })).toBe('id: 6-0\n\n');
});

test('consumers read the delivery count of a set', () => {
  expect(read(consumeEvent({ kind: 'set', id: '5-1', announcement, delivery: 2 }))).toEqual({
    ...{ id: '5-1', event: 'features', data: { ...data, delivery: 2 } },
  });
  expect(consumeEvent({ kind: 'ready' })).toMatch(/^retry: \d+\nevent: ready\n/);
  expect(consumeEvent({ kind: 'silence' })).toBe(':\n\n');
  expect(read(consumeEvent({ kind: 'end', reason: 'gone' }))).toEqual({ event: 'end', data: { reason: 'gone' } });
  expect(read(consumeEvent({ kind: 'lost', count: 2 }))).toEqual({ event: 'lost', data: { count: 2 } });
});
