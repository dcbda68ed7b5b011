// What the demo prints.

/** Columns padded to their widest cell; the first to the left, the others to the right. */
export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)));
  const cell = (value, column) =>
    column === 0 ? String(value).padEnd(widths[column]) : String(value).padStart(widths[column]);
  return rows.map((row) => `  ${row.map(cell).join('   ')}`).join('\n');
}

/** One row a level: what was measured in the download, with the stride that the description declares. */
export function levelTable(tensors, { levels }) {
  const rows = [['level', 'dtype', 'shape', 'stride', 'mean', 'std', 'zeros', 'MiB']];
  for (const { name, dtype, shape, mean, std, zeros, bytes } of tensors) {
    const { stride } = levels.find((level) => level.name === name);
    const share = `${Math.round(zeros * 100)} %`;
    rows.push([name, dtype, shape.join('×'), stride, mean.toFixed(4), std.toFixed(4), share, mib(bytes)]);
  }
  return table(rows);
}

/** A job's timings as `preprocess 12 ms · run 810 ms`. */
export function timingLine(timings) {
  return Object.entries(timings)
    .map(([stage, ms]) => `${stage} ${ms.toFixed(0)} ms`)
    .join(' · ');
}

/** How far a job is, as text. */
export function progressText({ state, progress }) {
  return state === 'active' && progress ? `${state} · ${progress.stage} · ${Math.round(progress.percent)} %` : state;
}

/** How to open the archive with nothing of ours. */
export function howToOpen(archive, level) {
  return `  tensorstore   import tensorstore as ts
                ts.open("file://${archive}|zip:${level}/|zarr3:").result()[...]
  zarr-python   import zarr
                zarr.open_group(zarr.storage.ZipStore("${archive}", mode="r"))["${level}"][:]`;
}

export function mib(bytes) {
  return (bytes / 2 ** 20).toFixed(1);
}
