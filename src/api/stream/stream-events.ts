import { z } from 'zod';
import { announcementSchema, type Announced } from '../../announcements/announcement.js';
import type { ConsumeItem } from '../../announcements/consume.js';
import type { FollowItem } from '../../announcements/follow.js';
import { featureLinks, featureLinksSchema, featureRef, featureRefSchema } from '../../features/links.js';
import { formatEvent } from '../http/event-stream.js';

/** How long a client waits before it reconnects. */
const RETRY = 'retry: 2000\n';
const COMMENT = ':\n\n';

/** An announcement as the API shows it. */
export const announcementViewSchema = announcementSchema
  .omit({ featuresId: true, jobId: true, made: true, owner: true })
  .extend({
    id: z.string().meta({ description: 'Position in the stream; consumers acknowledge it.' }),
    features: featureRefSchema,
    made: z.boolean().meta({ description: 'False where the job found the features in the store.' }),
    job: z.object({ id: z.string(), href: z.string() }),
    owner: z.string().optional().meta({ description: 'Name of the key that submitted the job.' }),
    links: featureLinksSchema,
    delivery: z.int().optional().meta({ description: 'Consumers of a group only: how many times it was delivered.' }),
  })
  .meta({ id: 'Announcement', description: 'A finished feature set.' });
export type AnnouncementView = z.infer<typeof announcementViewSchema>;

const missed = z.object({ missedUntil: z.string().meta({ description: 'Position after the ones that are missing.' }) });

/** The data of every event, by its name. */
export const STREAM_EVENTS = {
  ready: z.object({ position: z.string().optional() }),
  features: announcementViewSchema,
  gap: missed,
  lost: z.object({ count: z.int() }),
  end: z.object({ reason: z.string() }),
};

export function announcementView({ id, announcement }: Announced): AnnouncementView {
  const { featuresId, jobId, batch, ...shown } = announcement;
  return {
    ...shown,
    id,
    features: featureRef(featuresId),
    job: { id: jobId, href: `/v1/jobs/${jobId}` },
    ...(batch && { batch }),
    links: featureLinks(featuresId),
  };
}

/** What a subscriber reads. Every event has the position to resume from; comments have none. */
export function followEvent(item: FollowItem): string {
  switch (item.kind) {
    case 'ready':
      return RETRY + formatEvent('ready', { position: item.position }, item.position);
    case 'set':
      return formatEvent('features', announcementView(item), item.id);
    case 'gap':
      return formatEvent('gap', { missedUntil: item.position }, item.position);
    case 'silence':
      // An id without data is no event, but clients keep it: announcements that a filter skipped are not read again.
      return `id: ${item.position}\n\n`;
  }
}

/** What a consumer reads. The ids are those to acknowledge. */
export function consumeEvent(item: ConsumeItem): string {
  switch (item.kind) {
    case 'ready':
      return RETRY + formatEvent('ready', {});
    case 'set':
      return formatEvent('features', { ...announcementView(item), delivery: item.delivery }, item.id);
    case 'gap':
      return formatEvent('gap', { missedUntil: item.position });
    case 'lost':
      return formatEvent('lost', { count: item.count });
    case 'silence':
      return COMMENT;
    case 'end':
      return formatEvent('end', { reason: item.reason });
  }
}
