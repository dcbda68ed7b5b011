import { describe, expect, test } from '@jest/globals';
import { formatWorkerName, parseWorkerName, type WorkerIdentity } from '../../../src/jobs/queue.js';

describe('the name of a worker', () => {
  test('can be read by a person', () => {
    const identity = { engine: 'onnx', device: 'cpu', host: 'node-3.example', pid: 1234 };
    expect(formatWorkerName(identity)).toBe('onnx/cpu@node-3.example:1234');
  });

  test.each<WorkerIdentity>([
    { engine: 'onnx', device: 'cpu', host: 'host', pid: 1 },
    { engine: 'onnx', device: 'cuda:1', host: 'fe80::1', pid: 4_194_304 },
    { engine: 'a/b', device: 'GPU 0 @ slot', host: 'Köln=x:w:y', pid: 7 },
  ])('tells what it was made of, and is a name that Redis allows: %j', (identity) => {
    const name = formatWorkerName(identity);
    // CLIENT SETNAME takes these only; BullMQ finds the end of its own part by the mark.
    expect(name).toMatch(/^[!-~]+$/);
    expect(name).not.toContain(':w:');
    expect(parseWorkerName(name)).toEqual(identity);
  });

  test.each(['', 'someone', 'onnx/cpu@host', 'onnx/cpu@host:x', 'onnx/cpu@%ff:1', 'a/b/c@host:1'])(
    'that others gave is not guessed at: %j',
    (name) => {
      expect(parseWorkerName(name)).toBeUndefined();
    },
  );
});
