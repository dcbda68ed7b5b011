import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { Report } from '../../../../src/cli/batch/report.js';
import { Progress } from '../../../../src/cli/progress.js';

/** A name as a line of somebody else's manifest may have it: it clears the screen and sets the title. */
const HOSTILE = '\x1b[2J\x1b]0;title\x07 \x9b31m.jpg';

let written: string[];
beforeEach(() => {
  written = [];
  const write = (text: unknown) => void written.push(String(text));
  jest.spyOn(console, 'log').mockImplementation(write);
  jest.spyOn(console, 'error').mockImplementation(write);
});
afterEach(() => {
  jest.restoreAllMocks();
  process.exitCode = undefined;
});

test.each([false, true])('names and messages of lines stay text on a terminal (JSON: %s)', (json) => {
  const report = new Report(json, new Progress({ bar: false }));
  const error = { code: 'image-corrupt', message: `cannot read ${HOSTILE}` };
  report.finished({ line: 1, name: HOSTILE, state: 'failed', error } as Parameters<Report['finished']>[0]);
  report.outage(new Error(HOSTILE));
  report.end(undefined);
  const text = written.join('\n');
  expect(text).toContain('\\u001b[2J\\u001b]0;title\\u0007 \\u009b31m.jpg');
  expect(text.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
});
