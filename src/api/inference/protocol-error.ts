import { Catch } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Audit } from '../auth/audit.js';
import { ErrorFilter, type Failure } from '../http/error-filter.js';
import { SERVER_CODES } from '../http/status.js';

export const protocolErrorSchema = z
  .object({
    error: z.string().meta({ description: 'A sentence for people.' }),
    code: z.enum(SERVER_CODES).meta({ description: 'Stable, for programs; an addition of Cairn to the protocol.' }),
  })
  .meta({ id: 'ProtocolError', description: 'An error of the Open Inference Protocol.' });
export type ProtocolError = z.infer<typeof protocolErrorSchema>;

/** Answers errors as the Open Inference Protocol does. */
@Catch()
export class ProtocolFilter extends ErrorFilter {
  // eslint-disable-next-line @typescript-eslint/no-useless-constructor -- NestJS injects by a class's own constructor
  constructor(audit: Audit) {
    super(audit);
  }

  protected override write({ code, detail }: Failure, reply: FastifyReply): void {
    const answer: ProtocolError = { error: detail, code };
    // Fastify adds a charset to text, which clients that compare the type do not expect.
    void reply.header('content-type', 'application/json').send(Buffer.from(JSON.stringify(answer)));
  }
}
