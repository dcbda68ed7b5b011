import { describe, expect, test } from '@jest/globals';
import { findStateDict } from '../../../../../src/backbone/weights/pickle/state-dict.js';
import { NumpyArray, TorchTensor } from '../../../../../src/backbone/weights/pickle/tensors.js';

const tensor = new TorchTensor({ key: '0', dtype: 'float32', elements: 1 }, 0, [1], [1]);
const map = (object: object) => new Map<unknown, unknown>(Object.entries(object));
const state = map({ 'conv1.weight': tensor });
const zeros = map({ zero: tensor });

describe('findStateDict', () => {
  test.each([
    ['a state_dict', state, ''],
    [
      'a checkpoint',
      map({ state_dict: state, epoch: 3, optimizer: map({ state: new Map([[0, zeros]]) }) }),
      'state_dict',
    ],
    ['Detectron2’s', map({ model: state, __author__: 'x' }), 'model'],
    ['averaged weights before the last ones', map({ model: zeros, model_ema: state }), 'model_ema'],
    ['timm’s', map({ state_dict: zeros, state_dict_ema: state }), 'state_dict_ema'],
    ['one within another', map({ model: map({ state_dict: state }) }), 'model.state_dict'],
    ['a tensor beside it', map({ state_dict: state, loss: tensor }), 'state_dict'],
    ['a network whose layer is called model', map({ model: tensor, 'conv1.weight': tensor }), ''],
    ['a name that is no dictionary', map({ model: 'resnet50', state_dict: state }), 'state_dict'],
  ])('%s', (_, root, within) => {
    const found = findStateDict(root);
    expect(found.within).toBe(within);
    expect(found.tensors.has('conv1.weight')).toBe(true);
  });

  test('leaves out what is no tensor, and names that are no text', () => {
    const root = new Map<unknown, unknown>([
      ['a', tensor],
      ['b', new NumpyArray()],
      ['c', 3],
      [4, tensor],
    ]);
    expect([...findStateDict(root).tensors.keys()]).toEqual(['a', 'b']);
  });

  const loop = map({});
  loop.set('model', loop);
  test.each([
    ['nothing', null],
    ['a tensor', tensor],
    ['an empty dictionary', new Map()],
    ['a list', [state]],
    ['a dictionary that holds itself', loop],
    ['optimizer states', map({ optimizer: state })],
  ])('refuses %s', (_, root) => {
    expect(() => findStateDict(root)).toThrow('no state_dict');
  });
});
