import type { Announced } from '../../announcements/announcement.js';
import type { ConsumeItem } from '../../announcements/consume.js';
import type { FollowItem } from '../../announcements/follow.js';
import { featureLinks } from '../features/features.controller.js';
import { formatEvent } from '../http/event-stream.js';

/** How long a client is to wait before it comes back. */
const RETRY = 'retry: 2000\n';
const COMMENT = ':\n\n';

/** A feature set as subscribers are told of it. */
export function announcementView({ id, announcement }: Announced) {
  const { featuresId, jobId, batch, made, ...spec } = announcement;
  return {
    id,
    features: { id: featuresId, href: `/v1/features/${featuresId}` },
    ...spec,
    made,
    job: { id: jobId, href: `/v1/jobs/${jobId}` },
    ...(batch && { batch }),
    links: featureLinks(featuresId),
  };
}

/** What a subscriber reads. Every event but a comment bears the position to resume from. */
export function followEvent(item: FollowItem): string {
  switch (item.kind) {
    case 'ready':
      return RETRY + formatEvent('ready', { position: item.position }, item.position);
    case 'set':
      return formatEvent('features', announcementView(item), item.id);
    case 'gap':
      return formatEvent('gap', { missedUntil: item.position }, item.position);
    case 'silence':
      // An id without data is kept by clients and is no event: what a filter passed over is not read again.
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
