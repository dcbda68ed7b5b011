import { describe, expect, test } from '@jest/globals';
import { Readable } from 'node:stream';
import { parseJsonBody } from '../../../../src/api/http/zod-pipe.js';
import {
  acknowledgeSchema,
  extendSchema,
  parseGroupName,
  splitGroupName,
  parseStreamRequest,
} from '../../../../src/api/stream/stream-options.js';
import type { Scope } from '../../../../src/keys/api-key.js';

const parseAcknowledge = (body: unknown) => parseJsonBody(acknowledgeSchema, body, '{"ids": […]}').ids;
const parseExtend = (body: unknown) => parseJsonBody(extendSchema, body, '{"ids": […]}');
const everything = { models: [], batches: [] };

describe('parseStreamRequest', () => {
  test('follows from now on where nothing is said', () => {
    expect(parseStreamRequest({}, undefined)).toEqual({
      kind: 'follow',
      options: { after: undefined, filter: everything },
    });
  });

  test.each([
    [{ after: '0' }, undefined, '0'],
    [{ after: '1732187412345-3' }, undefined, '1732187412345-3'],
    [{ after: '1-0' }, '', '1-0'],
    // A client that comes back knows better than the address that it was given at first.
    [{ after: '1-0' }, '2-0', '2-0'],
    [{}, '2-0', '2-0'],
  ])('%j with Last-Event-ID %j begins after %s', (query, lastEventId, after) => {
    expect(parseStreamRequest(query, lastEventId)).toMatchObject({ options: { after } });
  });

  test('filters are repeated or separated by commas', () => {
    const query = { model: ['mask-rcnn-resnet18', 'mask-rcnn-resnet34,mask-rcnn-resnet50'], batch: 'b1,b2' };
    expect(parseStreamRequest(query, undefined)).toMatchObject({
      options: {
        filter: {
          models: ['mask-rcnn-resnet18', 'mask-rcnn-resnet34', 'mask-rcnn-resnet50'],
          batches: ['b1', 'b2'],
        },
      },
    });
  });

  test('a consumer has defaults for the rest, and no filter is not an empty one', () => {
    expect(parseStreamRequest({ group: 'g', consumer: 'c' }, '1-0')).toEqual({
      kind: 'consume',
      group: 'g',
      consumer: 'c',
      options: { filter: undefined, from: '$', prefetch: 1, redeliverAfterMs: 60_000 },
    });
    expect(parseStreamRequest({ group: 'g', consumer: 'c', batch: 'b' }, undefined)).toMatchObject({
      options: { filter: { models: [], batches: ['b'] } },
    });
  });

  test.each([
    [{ since: '0' }, 'option-unknown'],
    [{ prefetch: '2' }, 'option-unknown'],
    [{ group: 'g', consumer: 'c', after: '0' }, 'option-unknown'],
    [{ after: '12' }, 'option-invalid'],
    [{ after: '-1-0' }, 'option-invalid'],
    [{ after: '1234567890123456-0' }, 'option-invalid'],
    [{ after: ['0', '0'] }, 'option-invalid'],
    [{ model: 'mask-rcnn-resnet19' }, 'model-unknown'],
    [{ model: '' }, 'option-invalid'],
    [{ batch: Array.from({ length: 101 }, String) }, 'option-invalid'],
    [{ consumer: 'c' }, 'option-invalid'],
    [{ group: 'g' }, 'option-invalid'],
    [{ group: 'g/h', consumer: 'c' }, 'option-invalid'],
    [{ group: '..', consumer: 'c' }, 'option-invalid'],
    [{ group: '.', consumer: 'c' }, 'option-invalid'],
    [{ group: 'g', consumer: 'c'.repeat(65) }, 'option-invalid'],
    [{ group: ['g', 'h'], consumer: 'c' }, 'option-invalid'],
    [{ group: 'g', consumer: 'c', prefetch: '101' }, 'option-invalid'],
    [{ group: 'g', consumer: 'c', prefetch: '1.5' }, 'option-invalid'],
    [{ group: 'g', consumer: 'c', redeliverAfterMs: '99' }, 'option-invalid'],
    [{ group: 'g', consumer: 'c', from: 'now' }, 'option-invalid'],
  ])('%j is refused as %s', (query, code) => {
    expect(() => parseStreamRequest(query, undefined)).toThrow(expect.objectContaining({ code }));
  });

  test('a Last-Event-ID that is none is refused', () => {
    expect(() => parseStreamRequest({}, 'yesterday')).toThrow(expect.objectContaining({ code: 'option-invalid' }));
  });
});

describe('bodies and names', () => {
  test('are read', () => {
    expect(parseAcknowledge({ ids: ['1-0', '2-0'] })).toEqual(['1-0', '2-0']);
    expect(parseExtend({ consumer: 'c', ids: ['1-0'] })).toEqual({ consumer: 'c', ids: ['1-0'] });
    expect(parseGroupName('Detectors-2.0_b', undefined)).toBe('Detectors-2.0_b');
  });

  test.each([
    [undefined, 'request-malformed'],
    [['1-0'], 'request-malformed'],
    ['1-0', 'request-malformed'],
    [Readable.from([]), 'request-malformed'],
    [{ ids: '1-0' }, 'option-invalid'],
    [{ ids: Array.from({ length: 1001 }, () => '1-0') }, 'option-invalid'],
    [{ ids: ['1-0'], id: '1-0' }, 'option-unknown'],
  ])('a body %# is refused', (body, code) => {
    expect(() => parseAcknowledge(body)).toThrow(expect.objectContaining({ code }));
  });

  test('a name that would not fit into a key is refused', () => {
    for (const name of ['', 'a b', 'a:b', 'ä', 'x'.repeat(65)]) {
      expect(() => parseGroupName(name, undefined)).toThrow(expect.objectContaining({ code: 'option-invalid' }));
    }
  });

  test('a group has the name of its key before its own', () => {
    const caller = (name: string, ...scopes: Scope[]) => ({ name, scopes: new Set(scopes), quotas: {} });
    const [alice, boss] = [caller('alice', 'read'), caller('boss', 'admin')];
    expect(parseGroupName('g', alice)).toBe('alice/g');
    expect(parseGroupName('g', boss)).toBe('boss/g');
    expect(parseGroupName('alice/g', boss)).toBe('alice/g');
    // Of the time before there were keys.
    expect(parseGroupName('/g', boss)).toBe('g');
    expect(parseGroupName('alice/g', undefined)).toBe('alice/g');
    for (const [name, by] of [
      ['alice/g', alice],
      ['bob/g', alice],
      ['/g', alice],
      ['a/b/c', boss],
      ['a:b/g', boss],
    ] as const) {
      expect(() => parseGroupName(name, by)).toThrow(expect.objectContaining({ code: 'option-invalid' }));
    }
    expect([splitGroupName('alice/g'), splitGroupName('g')]).toEqual([{ name: 'g', owner: 'alice' }, { name: 'g' }]);
  });
});
