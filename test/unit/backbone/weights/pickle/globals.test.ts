import { describe, expect, test } from '@jest/globals';
import { findGlobal, StorageTable, StorageType } from '../../../../../src/backbone/weights/pickle/globals.js';
import { NumpyArray, NumpyDtype, TorchTensor } from '../../../../../src/backbone/weights/pickle/tensors.js';
import { Span, UnsafePickle } from '../../../../../src/formats/pickle/unpickle.js';

const storage = { key: '0', dtype: 'float32', elements: 6 };

describe('findGlobal', () => {
  test('makes tensors, parameters and tensors with attributes', () => {
    const args = [storage, 0, [2, 3], [3, 1], false, new Map()];
    const rebuild = findGlobal('torch._utils', '_rebuild_tensor_v2');
    const tensor = rebuild.call(args);
    expect(tensor).toBeInstanceOf(TorchTensor);
    expect(findGlobal('torch._utils', '_rebuild_parameter').call([tensor, true, new Map()])).toBe(tensor);
    const typed = findGlobal('torch._tensor', '_rebuild_from_type_v2').call([rebuild, null, args, new Map()]);
    expect(typed).toEqual(tensor);
  });

  test('makes dictionaries, also of the pairs of Python 2', () => {
    const make = findGlobal('collections', 'OrderedDict');
    expect(make.call([])).toEqual(new Map());
    expect(make.call([[['a', 1]]])).toEqual(new Map([['a', 1]]));
    expect(() => make.call([[['a']]])).toThrow('something that is none');
  });

  test.each(['numpy.core.multiarray', 'numpy._core.multiarray'])('makes arrays for %s', (module) => {
    expect(findGlobal(module, '_reconstruct').call([])).toBeInstanceOf(NumpyArray);
    expect(findGlobal('numpy', 'dtype').call(['f4', false, true])).toBeInstanceOf(NumpyDtype);
    expect(() => findGlobal('numpy', 'dtype').call(['O!'])).toThrow('has no name');
  });

  test('takes a text for bytes, without a copy', () => {
    const encode = findGlobal('_codecs', 'encode');
    expect(encode.call(['Ã¼', 'latin1'])).toBe('Ã¼');
    const span = new Span(5, 5000, 'utf8');
    expect(encode.call([span, 'latin1'])).toBe(span);
    expect(() => encode.call(['a', 'rot13'])).toThrow('otherwise than as latin1');
  });

  test.each([
    ['os', 'system'],
    ['posix', 'system'],
    ['builtins', 'eval'],
    ['builtins', 'getattr'],
    ['__builtin__', 'apply'],
    ['torch.serialization', 'load'],
    ['torch.storage', '_load_from_bytes'],
    ['torch._utils', '_rebuild_sparse_tensor'],
    ['torch.nn.modules.conv', 'Conv2d'],
    ['torchvision.models.resnet', 'ResNet'],
    ['collections', 'OrderedDict.__class__'],
    ['', 'constructor'],
    ['toString', ''],
  ])('refuses %s.%s by name', (module, name) => {
    expect(() => findGlobal(module, name)).toThrow(UnsafePickle);
    expect(() => findGlobal(module, name)).toThrow(`${module}.${name}`);
  });

  test('prints no control characters and no long names', () => {
    expect(() => findGlobal('os\x1b[2J', 'x')).toThrow('"os\\u001b[2J.x"');
    expect(() => findGlobal('a'.repeat(200), 'x')).toThrow(`"${'a'.repeat(120)}"`);
  });

  test('makes no storages and no parameters out of something else', () => {
    expect(() => findGlobal('torch', 'FloatStorage').call([])).toThrow(UnsafePickle);
    expect(() => findGlobal('torch._utils', '_rebuild_parameter').call(['x'])).toThrow('has no tensor');
    expect(() => findGlobal('torch._utils', '_rebuild_tensor_v2').call(['x', 0, [], []])).toThrow('has no storage');
    const make = findGlobal('torch._tensor', '_rebuild_from_type_v2');
    expect(() => make.call([findGlobal('collections', 'OrderedDict'), null, [], null])).toThrow(UnsafePickle);
  });
});

describe('StorageTable', () => {
  const float = findGlobal('torch', 'FloatStorage');

  test('has each storage once, with the type of its class', () => {
    const table = new StorageTable();
    const found = table.find(['storage', float, '0', 'cuda:0', 6]);
    expect(found).toEqual(storage);
    expect(table.find(['storage', float, '0', 'cuda:0', 6])).toBe(found);
    expect(table.find(['storage', new StorageType('int64'), '1', 'cpu', 1, null]).dtype).toBe('int64');
    expect([...table.storages.keys()]).toEqual(['0', '1']);
  });

  test.each([
    [['module', float, '0', 'cpu', 6], 'no storage'],
    [['storage', 'float', '0', 'cpu', 6], 'no storage'],
    [['storage', float, 0, 'cpu', 6], 'no storage'],
    [['storage', float, '0', 'cpu', -6], 'no storage'],
    ['storage', 'no storage'],
    [['storage', float, '0', 'cpu', 6, ['1', 0, 6]], 'parts of others'],
    [['storage', new StorageType('float64'), 'used', 'cpu', 6], 'two storages called used'],
    [['storage', float, 'used', 'cpu', 7], 'two storages called used'],
  ])('refuses %j', (id, message) => {
    const table = new StorageTable();
    table.find(['storage', float, 'used', 'cpu', 6]);
    expect(() => table.find(id)).toThrow(message);
  });
});
