// Which statuses pass a health check: '200', '2xx', '2xx-3xx', '200-204', or several of these. Knows nothing of checks.

export type StatusRange = [from: number, to: number];

const EXAMPLES = 'write, say, "200", "2xx", "2xx-3xx", "200-204", or several with commas: "2xx,404"';
/** A final answer has one of these (RFC 9110 section 15). */
const LOWEST = 200;
const HIGHEST = 599;

/** The ranges, both ends included, or what is wrong with the text. */
export function parseStatuses(text: string): StatusRange[] | string {
  const ranges: StatusRange[] = [];
  for (const item of text.split(',')) {
    const match = /^(\d\d\d|\dxx)(?:-(\d\d\d|\dxx))?$/i.exec(item.trim());
    if (match === null) return `${JSON.stringify(text)} is not a list of statuses; ${EXAMPLES}`;
    const [, first, last = first] = match as unknown as [string, string, string | undefined];
    const from = Number(first.replace(/xx/i, '00'));
    const to = Number(last.replace(/xx/i, '99'));
    if (from < LOWEST || to > HIGHEST) {
      return `"${item.trim()}" is not the status of an answer (${LOWEST} to ${HIGHEST}); ${EXAMPLES}`;
    }
    if (from > to) return `"${item.trim()}" ends before it begins; ${EXAMPLES}`;
    ranges.push([from, to]);
  }
  return ranges;
}
