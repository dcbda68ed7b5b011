import { Controller, Head, HttpCode, Module, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { CairnError } from '../../errors.js';
import { isSha256, sha256Schema } from '../../formats/sha256.js';
import { ImageIntake } from '../../images/intake.js';
import { Scope } from '../auth/scope.js';
import { sendHead } from '../http/send-range.js';
import { binary, header, json, Operation } from '../openapi/operation.js';

const keptImageSchema = z
  .object({ sha256: sha256Schema, bytes: z.int(), href: z.string() })
  .meta({ id: 'KeptImage', description: 'An image in the store, under the SHA-256 of its bytes.' });

/** Images that are sent ahead: a client sends only what is missing, and names the images by digest afterwards. */
@Controller('v1/images')
export class ImagesController {
  constructor(private readonly intake: ImageIntake) {}

  @Post()
  @HttpCode(201)
  @Scope('submit')
  @Operation({
    id: 'uploadImage',
    summary: 'Keep an image, for jobs and batches that name it by digest',
    body: binary('image/*'),
    answers: { 201: json('The image is in the store.', keptImageSchema) },
    refusals: { 413: 'Too many bytes or pixels.', 415: 'Not a readable image.' },
  })
  async keep(@Req() request: FastifyRequest): Promise<z.infer<typeof keptImageSchema>> {
    if (request.body === undefined || request.body === null)
      throw new CairnError('image-empty', 'The request has no body.');
    if (!(request.body instanceof Readable)) {
      throw new CairnError('request-malformed', 'The body must be an image; forms and JSON go to /v1/jobs.');
    }
    const { source, size } = await this.intake.keep(request.body);
    return { sha256: source.sha256, bytes: size, href: `/v1/images/${source.sha256}` };
  }

  @Head(':sha256')
  @Scope('submit')
  @Operation({
    id: 'hasImage',
    summary: 'Whether the store has an image',
    params: { sha256: { description: 'SHA-256 of its bytes: 64 hexadecimal digits.' } },
    answers: { 200: { description: 'The store has the image.', ...header('Content-Length', 'Its bytes.') } },
    refusals: { 404: 'The store does not have the image. As all answers to HEAD, this one has no body.' },
  })
  async look(@Param('sha256') sha256: string, @Res() reply: FastifyReply): Promise<void> {
    const bytes = isSha256(sha256) ? await this.intake.size(sha256) : undefined;
    if (bytes === undefined) void reply.status(404);
    else void reply.header('content-length', bytes);
    sendHead(reply);
  }
}

@Module({ controllers: [ImagesController] })
export class ImagesModule {}
