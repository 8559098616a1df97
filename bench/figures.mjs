// What the measurements share in counting and showing. Tables are Markdown: they go into a document as they are.

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The median of the ratios of what was measured one after the other: the machine's own ups and downs hit both. */
export function medianRatio(above, below) {
  return median(above.map((value, round) => value / below[round]));
}

/** The list, begun at another place in each round: nobody always comes after the same one. */
export function rotated(list, round) {
  const from = round % list.length;
  return [...list.slice(from), ...list.slice(0, from)];
}

export const whole = (number) => Math.round(number).toLocaleString("en-US");
export const fixed = (number, digits = 2) => number.toFixed(digits);
/** Two digits that mean something, also far below one. */
export const ratio = (number) => (number < 0.1 ? number.toFixed(3) : number < 10 ? number.toFixed(2) : number.toFixed(1));

export function printTable(head, rows) {
  const widths = head.map((title, column) => Math.max(...[title, ...rows.map((row) => row[column])].map((cell) => cell.length)));
  // Names to the left, numbers to the right.
  const line = (cells) => `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(" | ")} |`;
  const rule = `| ${widths.map((width, i) => (i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)).join(" | ")} |`;
  process.stdout.write(`\n${[line(head), rule, ...rows.map(line)].join("\n")}\n\n`);
}
