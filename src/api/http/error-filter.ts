import { HttpException, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ServerResponse } from 'node:http';
import { asCairnError, CairnError, withCause, type ErrorCode } from '../../errors.js';
import type { Audit } from '../auth/audit.js';
import { HTTP_STATUS, isServerCode, type ServerCode } from './status.js';

const RETRY_AFTER_SECONDS = 2;
/** Messages quote what the client sent. */
const MAX_DETAIL = 1000;

/** What an administrator mends: the queue and the store log the cause themselves. */
const OUTAGES = new Set<ErrorCode>(['queue-unavailable', 'store-full', 'store-unavailable']);

/** Refusals of a caller, not of what it asks for. */
const AUDITED = [401, 403, 429];

/** Headers that describe what would have been sent. */
const OF_SUCCESS = ['accept-ranges', 'content-disposition', 'content-location', 'etag', 'last-modified'];

/** An error as the client receives it. */
export interface Failure {
  readonly code: ServerCode;
  readonly status: number;
  /** A sentence for people. */
  readonly detail: string;
}

const failures = new WeakMap<ServerResponse, ServerCode>();

/** The code of the error that a request was answered with, or cut off by; undefined for none. */
export function failureOf(response: ServerResponse): ServerCode | undefined {
  return failures.get(response);
}

/** Answers every error; subclasses give the body that their protocol has for it. */
export abstract class ErrorFilter implements ExceptionFilter {
  private readonly log = new Logger('http');

  constructor(private readonly audit?: Audit) {}

  /** Writes content type and body. */
  protected abstract write(failure: Failure, reply: FastifyReply): void;

  catch(thrown: unknown, host: ArgumentsHost): void {
    this.answer(thrown, host.switchToHttp().getResponse<FastifyReply>());
  }

  answer(thrown: unknown, reply: FastifyReply): void {
    const { error, status } = classify(isCutOff(reply.request) ? cutOff(thrown) : thrown);
    if (status >= 500) this.report(reply.request, error);
    if (AUDITED.includes(status)) this.audit?.refused(reply.request, status, error.code);
    const code = isServerCode(error.code) ? error.code : 'internal';
    failures.set(reply.raw, code);
    // A response that has begun cannot be replaced: cutting the connection signals the error.
    if (reply.raw.headersSent) {
      reply.raw.destroy();
      return;
    }
    const detail =
      code === 'internal' ? 'An unforeseen error; the server log has the details.' : shortened(error.message);
    if (error.transient && status !== 500 && !reply.hasHeader('retry-after')) {
      void reply.header('retry-after', RETRY_AFTER_SECONDS);
    }
    // Drop headers that were set for the successful answer.
    for (const name of OF_SUCCESS) void reply.removeHeader(name);
    // What the log calls the request.
    void reply.status(status).headers({ 'cache-control': 'no-store', 'x-request-id': reply.request.id });
    this.write({ code, status, detail }, reply);
  }

  /** An outage is one line; everything else is a defect or a broken disk, whose stack is needed. */
  private report(request: FastifyRequest, error: CairnError): void {
    // Queries may hold names and ids that a log should not have.
    const [path] = request.url.split('?');
    const line = `${request.method} ${path}: ${withCause(error)}`;
    if (OUTAGES.has(error.code)) this.log.warn(line);
    else this.log.error(line, error.stack);
  }
}

/** Whether the client left before all of its request had come. */
function isCutOff({ raw }: FastifyRequest): boolean {
  return raw.destroyed && !raw.complete;
}

/** Whatever its end caused is no error of the server, and nobody receives the answer. */
function cutOff(cause: unknown): CairnError {
  return new CairnError('request-malformed', 'The request was cut off.', { cause });
}

/** Text of at most `MAX_DETAIL` characters, without its middle. */
export function shortened(text: string): string {
  if (text.length <= MAX_DETAIL) return text;
  return `${text.slice(0, MAX_DETAIL / 2)} … ${text.slice(-MAX_DETAIL / 2)}`;
}

/** Errors of the framework (no such route, malformed JSON, oversized body) keep their status. */
function classify(thrown: unknown): { error: CairnError; status: number } {
  const status =
    thrown instanceof HttpException ? thrown.getStatus() : (thrown as { statusCode?: unknown } | null)?.statusCode;
  if (typeof status === 'number' && status >= 400 && status < 500 && !(thrown instanceof CairnError)) {
    const code = CODE_OF[status] ?? 'request-malformed';
    return { error: new CairnError(code, (thrown as Error).message, { cause: thrown }), status };
  }
  const error = asCairnError(thrown);
  return { error, status: isServerCode(error.code) ? HTTP_STATUS[error.code] : 500 };
}

const CODE_OF: Readonly<Record<number, ErrorCode>> = { 404: 'route-not-found', 413: 'upload-too-large' };
