import { formatTable, megabytes } from '../../src/cli/output.js';
import type { Ceiling } from './ceiling.js';
import type { Growth } from './growth.js';
import { limitOf, PARTS } from './phase.js';

/** With fewer images, what the API and Redis do when idle is not small beside what they do for the images. */
const LEAST_IMAGES = 1000;

export function growthText({ variants, archiveBytes }: Growth, title: string): string {
  const rows = variants.map(({ name, perSecond, rounds, workerSeconds, efficiency, twice }) => [
    name,
    perSecond.toFixed(3),
    rounds.map((rate) => rate.toFixed(3)).join(' '),
    workerSeconds.toFixed(2),
    efficiency === undefined ? '' : `${efficiency.toFixed(3)} of twice "${twice}"`,
  ]);
  const head = ['variant', 'images/s', 'rounds', 'CPU s/image', 'efficiency'];
  return `Growth: ${title}; an archive has ${megabytes(archiveBytes)}\n\n${formatTable(head, rows)}`;
}

export function ceilingText({ loads, store }: Ceiling, machineCores: number): string {
  const rows = loads.flatMap(({ name, phases }) =>
    phases.map((phase) => [
      name,
      phase.name,
      phase.perSecond.toFixed(1),
      ...PARTS.map((part) => `${phase.use[part].ms.toFixed(2)} (${phase.use[part].mainMs.toFixed(2)})`),
      `${Math.round(phase.redisBytes.received)} / ${Math.round(phase.redisBytes.sent)}`,
      limitOf(phase, machineCores),
    ]),
  );
  const head = ['load', 'phase', 'images/s', ...PARTS.map((part) => `${part} ms`), 'Redis bytes in/out', 'limit'];
  const ceilings = loads.map(({ name, imageBytes, archiveBytes, phases }) => {
    const few = phases.some(({ images }) => images < LEAST_IMAGES);
    const most = (part: (typeof PARTS)[number], kind: 'ms' | 'mainMs') =>
      Math.floor(1000 / phases.reduce((total, { use }) => total + use[part][kind], 0)).toLocaleString('en');
    return [
      name,
      megabytes(imageBytes),
      megabytes(archiveBytes),
      few ? '–' : most('redis', 'mainMs'),
      few ? '–' : `${most('api', 'ms')} (${most('api', 'mainMs')})`,
      most('worker', 'ms'),
    ];
  });
  const ceilingHead = ['load', 'image', 'archive', 'one Redis', 'one API', 'a core of workers'];
  const memory = loads.flatMap(({ name, memory: bytes }) => {
    if (!bytes) return [];
    const { waiting, ended, announcement } = bytes;
    return [[name, waiting === undefined ? '–' : Math.round(waiting), Math.round(ended), Math.round(announcement)]];
  });
  const written = store.map(({ writers, bytes, perSecond, ms }) => [
    writers,
    megabytes(bytes),
    perSecond.toFixed(1),
    megabytes(bytes * perSecond),
    ms.toFixed(2),
  ]);
  return [
    'Ceiling: no network runs. Processor time per image of all threads (of the first thread: event loop, commands)',
    formatTable(head, rows),
    'Images/s at which one core of each part is full, by its processor time over both phases (by its first thread)',
    formatTable(ceilingHead, ceilings),
    'Bytes of Redis per image, without streams of limited length; then those of an announcement',
    formatTable(['load', 'waiting', 'ended', 'announcement'], memory),
    'The store alone, every object flushed',
    formatTable(['writers', 'object', 'objects/s', 'per second', 'CPU ms'], written),
  ].join('\n\n');
}
