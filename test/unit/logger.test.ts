import { expect, test } from '@jest/globals';
import { runScript } from '../support/run-script.js';

/** What a process of its own writes, so that nothing of the test runner is between. */
const logged = async (options: object) => {
  const script = `const logger = new Logger({ context: 'cairn', json: false, colors: false, ...${JSON.stringify(options)} });
    logger.warn('red \\x1b[31m, cleared \\x1b[2J\\nsecond line \\x9b2K');
    logger.error('stack', 'Error: \\x1b[2J\\n    at x (file.js:1:2)');
    logger.error('lines', 'Error: one\\n\\x1b[2J\\n    at x (file.js:1:2)');
    logger.error('context', 'no stack \\x1b[2J');`;
  return runScript(script, { imports: { Logger: 'logger.js' } });
};

test('a line of the log is one line of text, whatever it quotes', async () => {
  const { stdout, stderr } = await logged({});
  expect(stdout).toContain('red \\u001b[31m, cleared \\u001b[2J\\u000asecond line \\u009b2K\n');
  expect(stderr).toContain('Error: \\u001b[2J\n    at x (file.js:1:2)\n');
  expect(stderr).toContain('Error: one\n\\u001b[2J\n    at x (file.js:1:2)\n');
  expect(stderr).toContain('[no stack \\u001b[2J] context');
  expect((stdout + stderr).replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
});

test('the colours of the log itself stay', async () => {
  const { stdout } = await logged({ colors: true });
  expect(stdout).toContain('\x1b[33m');
  expect(stdout).not.toContain('\x1b[2J');
});
