import { expect, test } from '@jest/globals';
import { demandAuth } from '../../../src/config/auth.js';
import { loadConfig } from '../../../src/config/config.js';

test.each(['0.0.0.0', '::', '192.168.1.5', 'cairn.example', '127.evil.example'])(
  'on %s strangers are not served by mistake',
  (HOST) => {
    expect(() => demandAuth(loadConfig({ HOST }))).toThrow(
      expect.objectContaining({
        code: 'option-invalid',
        message: expect.stringMatching(/^HOST=.* lets others in: set CAIRN_API_KEYS_FILE .*, or CAIRN_AUTH=off .*\.$/),
      }),
    );
    expect(() => demandAuth(loadConfig({ HOST, CAIRN_AUTH: 'off' }))).not.toThrow();
    expect(() => demandAuth(loadConfig({ HOST, CAIRN_API_KEYS_FILE: '/keys' }))).not.toThrow();
  },
);

test.each(['127.0.0.1', '127.9.9.9', 'localhost', '::1'])('%s is this machine alone', (HOST) => {
  expect(() => demandAuth(loadConfig({ HOST }))).not.toThrow();
});

test('CAIRN_AUTH knows one word', () => {
  expect(() => loadConfig({ CAIRN_AUTH: 'none' })).toThrow(expect.objectContaining({ code: 'option-invalid' }));
});

test('a key of the command line is not repeated in a message', () => {
  expect(() => loadConfig({ CAIRN_API_KEY: 'two words' })).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('two words') }),
  );
});
