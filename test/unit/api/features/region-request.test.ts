import { describe, expect, test } from '@jest/globals';
import { parseJsonBody } from '../../../../src/api/http/zod-pipe.js';
import {
  MAX_BOXES,
  MAX_OUTPUT_SIDE,
  MAX_SAMPLING_RATIO,
  completeRegionRequest,
  regionRequestSchema,
} from '../../../../src/api/features/region-request.js';

const parseRegionRequest = (body: unknown) =>
  completeRegionRequest(parseJsonBody(regionRequestSchema, body, '{"boxes": […]}'));
const boxes = [[0, 1, 2, 3]];

describe('a request for regions', () => {
  test('fills in what each project’s heads are configured with', () => {
    const defaults = { boxes, coordinates: 'pixel', outputSize: [7, 7], levels: undefined };
    expect(parseRegionRequest({ boxes })).toEqual({
      ...defaults,
      method: 'matterport',
      format: 'yxyx',
      samplingRatio: 1,
    });
    expect(parseRegionRequest({ boxes, method: 'detectron2' })).toEqual({
      ...defaults,
      ...{ method: 'detectron2', format: 'xyxy', samplingRatio: 0 },
    });
    expect(parseRegionRequest({ boxes, method: 'torchvision' })).toEqual({
      ...defaults,
      ...{ method: 'torchvision', format: 'xyxy', samplingRatio: 2 },
    });
  });

  test('takes what is said', () => {
    const said = { coordinates: 'normalized', format: 'yxyx', method: 'torchvision', samplingRatio: 0, levels: ['P2'] };
    expect(parseRegionRequest({ boxes: [], ...said, outputSize: [14, 28] })).toEqual({
      ...{ boxes: [], ...said },
      outputSize: [14, 28],
    });
    const most = { outputSize: MAX_OUTPUT_SIDE, boxes: Array.from({ length: MAX_BOXES }, () => boxes[0]) };
    expect(parseRegionRequest(most).boxes).toHaveLength(MAX_BOXES);
  });

  test.each([
    ['no boxes', {}, 'option-invalid', /^boxes: /],
    ['boxes that are none', { boxes: 'all' }, 'option-invalid', /^boxes: a list of boxes/],
    [
      'a box of three numbers',
      { boxes: [...boxes, [1, 2, 3]] },
      'option-invalid',
      /^boxes\[1\]: a box is four numbers/,
    ],
    ['a box of text', { boxes: [['0', 1, 2, 3]] }, 'option-invalid', /^boxes\[0\]\[0\]: .*number/],
    ['a number too large for JSON', { boxes: [[0, 1, 2, Infinity]] }, 'option-invalid', /^boxes\[0\]\[3\]: /],
    ['too many boxes', { boxes: Array(MAX_BOXES + 1).fill(boxes[0]) }, 'option-invalid', /at most 10000 boxes/],
    ['another method', { boxes, method: 'caffe' }, 'option-invalid', /^method: /],
    ['another order', { boxes, format: 'xywh' }, 'option-invalid', /^format: /],
    ['other coordinates', { boxes, coordinates: 'metres' }, 'option-invalid', /^coordinates: /],
    ['no bins', { boxes, outputSize: 0 }, 'option-invalid', /^outputSize: a whole number from 1 to 64/],
    [
      'too many bins',
      { boxes, outputSize: [7, 65] },
      'option-invalid',
      /^outputSize\[1\]: a whole number from 1 to 64/,
    ],
    ['half a bin', { boxes, outputSize: 7.5 }, 'option-invalid', /^outputSize/],
    [
      'too many samples',
      { boxes, method: 'detectron2', samplingRatio: MAX_SAMPLING_RATIO + 1 },
      'option-invalid',
      /^samp/,
    ],
    ['samples for Matterport', { boxes, samplingRatio: 2 }, 'option-invalid', /matterport takes one sample/],
    ['levels as text', { boxes, levels: 'P2' }, 'option-invalid', /^levels: a list of names/],
    ['no levels', { boxes, levels: [] }, 'option-invalid', /^levels: /],
    ['another option', { boxes, size: 7 }, 'option-unknown', /"size"; known: boxes, coordinates/],
    ['a list', [boxes], 'request-malformed', /must be JSON/],
    ['nothing', undefined, 'request-malformed', /must be JSON/],
    ['text', 'boxes', 'request-malformed', /must be JSON/],
  ])('refuses %s', (_, body, code, message) => {
    expect(() => parseRegionRequest(body)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });
});
