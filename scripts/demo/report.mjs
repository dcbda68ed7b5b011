// What the demo prints.

/** One row per level: the values in the download, with the stride that the description declares. */
export function levelTable(tensors, { levels }) {
  const rows = [['level', 'dtype', 'shape', 'stride', 'mean', 'std', 'zeros', 'MiB']];
  for (const { name, shape, mean, std, zeros, bytes } of tensors) {
    const { stride, dtype } = levels.find((level) => level.name === name);
    const share = `${Math.round(zeros * 100)} %`;
    rows.push([name, dtype, shape.join('×'), `${stride}`, mean.toFixed(4), std.toFixed(4), share, mib(bytes)]);
  }
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const pad = (text, column) => (column === 0 ? text.padEnd(widths[column]) : text.padStart(widths[column]));
  return rows.map((row) => `  ${row.map(pad).join('   ')}`).join('\n');
}

/** A job's timings as `preprocess 12 ms · run 810 ms`. */
export function timingLine(timings) {
  return Object.entries(timings)
    .map(([stage, ms]) => `${stage} ${ms.toFixed(0)} ms`)
    .join(' · ');
}

export function progressText({ state, progress }) {
  return state === 'active' && progress ? `${state} · ${progress.stage} · ${Math.round(progress.percent)} %` : state;
}

/** How to open the archive with standard tools. */
export function howToOpen(archive, level) {
  return `  tensorstore   import tensorstore as ts
                ts.open("file://${archive}|zip:${level}/|zarr3:").result()[...]
  zarr-python   import zarr
                zarr.open_group(zarr.storage.ZipStore("${archive}", mode="r"))["${level}"][:]`;
}

export function mib(bytes) {
  return (bytes / 2 ** 20).toFixed(1);
}
