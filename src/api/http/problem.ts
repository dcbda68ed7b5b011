import { Catch } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { ErrorFilter, shortened, type Failure } from './error-filter.js';
import { SERVER_CODES } from './status.js';

export const problemSchema = z
  .object({
    type: z.string().meta({ description: '`urn:cairn:error:` and the code.' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: 'A sentence for people.' }),
    code: z.enum(SERVER_CODES).meta({ description: 'Stable, for programs. Later versions may add codes.' }),
    instance: z.string().meta({ description: 'Path and query of the request.' }),
  })
  .meta({ id: 'Problem', description: 'Problem details (RFC 9457).' });
export type Problem = z.infer<typeof problemSchema>;

/** Answers errors as `application/problem+json`. */
@Catch()
export class ProblemFilter extends ErrorFilter {
  protected override write({ code, status, detail }: Failure, reply: FastifyReply): void {
    const instance = shortened(reply.request.url);
    const title = code.replaceAll('-', ' ');
    const problem: Problem = { type: `urn:cairn:error:${code}`, title, status, detail, code, instance };
    void reply.header('content-type', 'application/problem+json; charset=utf-8').send(JSON.stringify(problem));
  }
}
