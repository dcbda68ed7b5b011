import { Catch, HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { asCairnError, CairnError, type ErrorCode } from '../../errors.js';
import { speaksProtocol, type ProtocolError } from '../inference/protocol-error.js';

/** Which HTTP status each error is answered with. */
export const HTTP_STATUS: Readonly<Record<ErrorCode, number>> = {
  'archive-corrupt': 500,
  'batch-empty': 400,
  'batch-finished': 409,
  'batch-not-found': 404,
  'batch-too-large': 413,
  busy: 503,
  cancelled: 409,
  'device-unavailable': 503,
  'dtype-unknown': 400,
  'engine-failed': 500,
  'engine-unavailable': 503,
  'features-not-finite': 422,
  'features-not-found': 404,
  'group-conflict': 409,
  'group-not-found': 404,
  'image-corrupt': 422,
  'image-empty': 400,
  'image-missing': 400,
  'image-too-large': 413,
  'image-unsupported': 415,
  internal: 500,
  'job-finished': 409,
  'job-not-found': 404,
  'level-absent': 400,
  'level-unknown': 400,
  'levels-unsuitable': 400,
  'model-not-found': 404,
  'model-unknown': 400,
  'option-invalid': 400,
  'option-unknown': 400,
  'output-conflict': 409,
  'queue-full': 429,
  'queue-unavailable': 503,
  'range-not-satisfiable': 416,
  'request-malformed': 400,
  'route-not-found': 404,
  'server-failed': 502,
  'server-unreachable': 502,
  'store-failed': 500,
  'upload-too-large': 413,
  'url-forbidden': 400,
  'url-rejected': 422,
  'url-unreachable': 502,
  'weights-changed': 409,
  'weights-checksum': 500,
  'weights-conflict': 409,
  'weights-missing': 500,
  'weights-not-finite': 500,
  'weights-shape': 500,
  'weights-unavailable': 500,
  'weights-unknown': 404,
  'weights-unreachable': 502,
  'weights-unreadable': 500,
};

const RETRY_AFTER_SECONDS = 2;

/** RFC 9457 problem details; `code` is stable, `detail` is for people. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly instance: string;
}

/** Answers every error as `application/problem+json`, or as the protocol has it that the client speaks. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly log = new Logger('http');

  catch(thrown: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const { error, status } = classify(thrown);
    if (status >= 500) this.report(request, error);
    // An answer that has begun cannot become another one; the cut connection tells the client.
    if (reply.raw.headersSent) {
      reply.raw.destroy();
      return;
    }
    const { code } = error;
    const detail = code === 'internal' ? 'An unforeseen error; the server log has the details.' : error.message;
    if (error.transient && status !== 500) void reply.header('retry-after', RETRY_AFTER_SECONDS);
    // What is said of the answer that was meant does not hold for this one.
    void reply.status(status).removeHeader('content-location').header('cache-control', 'no-store');
    if (speaksProtocol(request.url)) {
      const answer: ProtocolError = { error: detail, code };
      // Fastify adds a charset to text, which clients that compare the type do not expect.
      void reply.header('content-type', 'application/json').send(Buffer.from(JSON.stringify(answer)));
      return;
    }
    const title = code.replaceAll('-', ' ');
    const problem: Problem = { type: `urn:cairn:error:${code}`, title, status, detail, code, instance: request.url };
    void reply.header('content-type', 'application/problem+json; charset=utf-8').send(JSON.stringify(problem));
  }

  /** What can pass is one line; the rest is a defect or a broken disk, and wants its stack. */
  private report(request: FastifyRequest, error: CairnError): void {
    const line = `${request.method} ${request.url}: ${error.message}`;
    if (error.code === 'queue-unavailable')
      this.log.warn(`${line} ${error.cause instanceof Error ? error.cause.message : ''}`);
    else this.log.error(line, error.stack);
  }
}

/** Errors of the framework (no such route, malformed JSON, oversized body) keep their status. */
function classify(thrown: unknown): { error: CairnError; status: number } {
  const status =
    thrown instanceof HttpException ? thrown.getStatus() : (thrown as { statusCode?: unknown } | null)?.statusCode;
  if (typeof status === 'number' && status >= 400 && status < 500 && !(thrown instanceof CairnError)) {
    const code = status === 404 ? 'route-not-found' : status === 413 ? 'upload-too-large' : 'request-malformed';
    return { error: new CairnError(code, (thrown as Error).message, { cause: thrown }), status };
  }
  const error = asCairnError(thrown);
  return { error, status: HTTP_STATUS[error.code] };
}
