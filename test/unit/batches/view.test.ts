import { expect, test } from '@jest/globals';
import type { BatchStatus } from '../../../src/batches/queue.js';
import { batchView } from '../../../src/batches/view.js';

const status = {
  ...{ id: 'b', state: 'running', manifest: 'm', total: 5, createdAt: '2026-01-01T00:00:00Z' },
  ...{ active: 0, rate: 0, etaSeconds: null, rejected: { count: 2, first: [] }, cursor: { offset: 0, lines: 0 } },
} as unknown as BatchStatus;

test.each([
  ['a refused line counts as failed before the batch is fed', [5, 0, 0, 0], [3, 0, 2, 0]],
  ['and once when it is recorded', [2, 1, 2, 0], [2, 1, 2, 0]],
  ['also partly', [3, 1, 1, 0], [2, 1, 2, 0]],
  ['but not in a batch that was cancelled before', [0, 0, 0, 5], [0, 0, 0, 5]],
])('%s', (_, [queued, completed, failed, cancelled], [q, c, f, x]) => {
  const { counts } = batchView({
    ...status,
    queued: queued!,
    completed: completed!,
    failed: failed!,
    cancelled: cancelled!,
  });
  expect(counts).toEqual({ queued: q, active: 0, completed: c, failed: f, cancelled: x });
});
