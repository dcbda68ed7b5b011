import { Controller, Head, HttpCode, Inject, Param, Post, Req, Res } from '@nestjs/common';
import {
  ApiBody,
  ApiConsumes,
  ApiCreatedResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { CairnError } from '../../errors.js';
import { sendHead } from '../http/send-range.js';
import { ImageIntake } from '../../images/intake.js';

const SHA256 = /^[0-9a-f]{64}$/;

/** Images that wait in the store, so that a client sends only what is missing and names the rest by digest. */
@ApiTags('images')
@Controller('v1/images')
export class ImagesController {
  constructor(@Inject(ImageIntake) private readonly intake: ImageIntake) {}

  @Post()
  @HttpCode(201)
  @ApiOperation({ summary: 'Keep an image, to be named by its digest in jobs and batches' })
  @ApiConsumes('image/*')
  @ApiBody({ schema: { type: 'string', format: 'binary' } })
  @ApiCreatedResponse({ description: 'sha256, bytes and href of the image' })
  @ApiResponse({ status: '4XX', description: 'problem+json with a stable code' })
  async keep(@Req() request: FastifyRequest): Promise<{ sha256: string; bytes: number; href: string }> {
    if (request.body === undefined || request.body === null)
      throw new CairnError('image-empty', 'The request has no body.');
    if (!(request.body instanceof Readable)) {
      throw new CairnError('request-malformed', 'The body must be an image; forms and JSON go to /v1/jobs.');
    }
    const { source, size } = await this.intake.keep(request.body);
    const { sha256 } = source;
    return { sha256, bytes: size, href: `/v1/images/${sha256}` };
  }

  @Head(':sha256')
  @ApiOperation({ summary: 'Whether the store has an image' })
  @ApiParam({ name: 'sha256', description: 'SHA-256 of its bytes, 64 hexadecimal digits' })
  @ApiOkResponse({ description: 'It has' })
  @ApiNotFoundResponse({ description: 'It has not' })
  async look(@Param('sha256') sha256: string, @Res() reply: FastifyReply): Promise<void> {
    const bytes = SHA256.test(sha256) ? await this.intake.size(sha256) : undefined;
    if (bytes === undefined) void reply.status(404);
    else void reply.header('content-length', bytes);
    sendHead(reply);
  }
}
