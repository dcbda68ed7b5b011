/** Lines of text with the columns of `rows` aligned, numbers to the right, below a ruled head. */
export function formatTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en') : cell)));
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]!.length)));
  const line = (row: readonly string[], numeric: (column: number) => boolean) =>
    row
      .map((cell, column) => (numeric(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd();
  const isNumber = (column: number) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number');
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return [line(head, isNumber), rule, ...cells.map((row) => line(row, isNumber))].join('\n');
}
