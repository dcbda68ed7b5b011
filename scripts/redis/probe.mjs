// Talks to Redis over a plain socket: the client library may not be installed yet.
import { connect } from 'node:net';

const MAX_REPLY = 64 * 1024;
const CONNECT_TIMEOUT_MS = 5_000;

/** Sends one inline command to `127.0.0.1:port`, behind a password where there is one, and resolves with the reply's text. */
export function ask(port, command, { password, timeoutMs = 1_000 } = {}) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    let received = '';
    const settle = (how, value) => {
      socket.destroy();
      how(value);
    };
    socket.setEncoding('latin1');
    socket.setTimeout(timeoutMs, () => settle(reject, new Error(`no reply in ${timeoutMs} ms`)));
    socket.once('error', (error) => settle(reject, error));
    socket.once('end', () => settle(reject, new Error('the connection was closed')));
    const login = password === undefined ? '' : `AUTH ${password}\r\n`;
    socket.once('connect', () => socket.write(`${login}${command}\r\n`));
    socket.on('data', (chunk) => {
      received += chunk;
      const reply = parse(login ? received.replace(/^[^\r]*(\r\n)?/, '') : received);
      if (reply !== undefined) settle(resolve, reply);
      else if (received.length > MAX_REPLY) settle(reject, new Error('the reply is too long'));
    });
  });
}

/** The process id of the Redis that answers on `port`, once it has loaded its data; undefined until then. */
export async function servingPid(port, password) {
  try {
    if ((await ask(port, 'PING', { password })) !== '+PONG') return undefined;
    const pid = /^process_id:(\d+)/m.exec(await ask(port, 'INFO server', { password }))?.[1];
    return pid === undefined ? undefined : Number(pid);
  } catch {
    return undefined;
  }
}

/** Throws where nothing accepts connections at a redis:// URL. The message leaves out its credentials. */
export async function checkReachable(text, timeoutMs = CONNECT_TIMEOUT_MS) {
  const remedy = 'Correct REDIS_URL; or unset it, and Cairn starts a private Redis.';
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!/^rediss?:$/.test(url?.protocol)) {
    throw new Error(`REDIS_URL must be a URL such as redis://host:6379. ${remedy}`);
  }
  try {
    await new Promise((resolve, reject) => {
      const host = url.hostname.replace(/^\[(.*)\]$/, '$1') || '127.0.0.1';
      const socket = connect({ host, port: Number(url.port || 6379) });
      socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no connection in ${timeoutMs / 1000} s`)));
      socket.once('error', reject).once('connect', () => {
        socket.destroy();
        resolve();
      });
    });
  } catch (error) {
    const shown = `${url.protocol}//${url.host}${url.pathname}`;
    throw new Error(`Redis at ${shown} (REDIS_URL) cannot be reached: ${error.message || error.code}. ${remedy}`);
  }
}

/** A status or error line, or the body of a bulk string; undefined while it is incomplete. */
function parse(text) {
  const end = text.indexOf('\r\n');
  if (end < 0) return undefined;
  if (text[0] !== '$') return text.slice(0, end);
  const length = Number(text.slice(1, end));
  return text.length < end + 2 + length ? undefined : text.slice(end + 2, end + 2 + length);
}
