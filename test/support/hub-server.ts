import { createHash } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { PUBLISHED_BYTES, sendPublished } from './published-file.js';

export const HUB_COMMIT = '0123456789abcdef0123456789abcdef01234567';
export const HUB_SHA256 = createHash('sha256').update(PUBLISHED_BYTES).digest('hex');

/** A request as the hub received it. */
export interface HubRequest {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
}

/**
 * A server that behaves as the Hugging Face hub does: `resolve` answers with a redirect to a file server, whose headers state
 * the file's SHA-256, size and commit; a renamed repository with a relative redirect; files that are not there, and gated
 * repositories, with errors of their own. The file server, another host, knows ranges.
 *
 * @param fileServer the base URL of a server that runs `fileServer`.
 */
export function hub(requests: HubRequest[], fileServer: () => string, stated = HUB_SHA256): RequestListener {
  return ({ method = '', url = '', headers }, response) => {
    requests.push({ method, url, authorization: headers.authorization });
    const [, owner, name, , revision, file] = url.split('/');
    if (owner === 'gated' && headers.authorization === undefined) {
      response.writeHead(401, { 'x-error-code': 'GatedRepo' }).end();
    } else if (name === 'absent') response.writeHead(404, { 'x-error-code': 'RepoNotFound' }).end();
    else if (name === 'old-name') {
      response.writeHead(307, { location: `/timm/net/resolve/${revision}/${file}`, etag: 'W/"of-the-redirect"' }).end();
    } else if (file !== 'model.safetensors' && file !== 'pytorch_model.bin') {
      response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end();
    } else if (name === 'pickled' && file === 'model.safetensors') {
      response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end();
    } else if (name === 'small') {
      // Not in LFS: the ETag is that of git.
      response.writeHead(200, { etag: '"0123456789abcdef0123456789abcdef01234567"', 'content-length': 3 }).end();
    } else {
      response.writeHead(302, {
        location: `${fileServer()}/xet-bridge/${file}?signature=x`,
        'x-linked-etag': `"${stated}"`,
        'x-linked-size': PUBLISHED_BYTES.length,
        'x-repo-commit': HUB_COMMIT,
        'accept-ranges': 'bytes',
      });
      response.end();
    }
  };
}

/** The file server that the hub redirects to. */
export function fileServer(requests: HubRequest[]): RequestListener {
  return (request, response) => {
    requests.push({ method: request.method!, url: request.url!, authorization: request.headers.authorization });
    sendPublished(request, response);
  };
}
