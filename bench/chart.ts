// Draws the report as an SVG: one panel per scenario, one bar per peer, length by CPU time per request.

import type { Row, ScenarioReport } from './report.ts';

const WIDTH = 960;
const MARGIN = 32;
const GAP = 40;
const PANEL = (WIDTH - 2 * MARGIN - GAP) / 2;
const BAR = 18;
const STEP = 26;
const LABEL = 144;
const VALUE = 118;
const HEADER = 84;

/** `note` is the line below the heading: machine and date. */
export function chart(reports: ScenarioReport[], note: string): string {
  const parts: string[] = [];
  let top = HEADER;
  for (let i = 0; i < reports.length; i += 2) {
    const pair = reports.slice(i, i + 2);
    pair.forEach((report, column) => {
      parts.push(panel(report, MARGIN + column * (PANEL + GAP), top));
    });
    top += Math.max(...pair.map((report) => panelHeight(report)));
  }
  const height = top + 8;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="CPU time per request of Parvis and its peers">
<style>
  text { font: 13px system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; fill: #334155 }
  .heading { font-size: 20px; font-weight: 600; fill: #0f172a }
  .note { font-size: 12px; fill: #64748b }
  .title { font-size: 14px; font-weight: 600; fill: #0f172a }
  .own { font-weight: 600; fill: #4338ca }
  .ratio { fill: #64748b }
</style>
<rect width="${WIDTH}" height="${height}" rx="10" fill="#ffffff"/>
<text class="heading" x="${MARGIN}" y="40">CPU time of the proxy per request</text>
<text class="note" x="${MARGIN}" y="60">${escaped(`One core, shorter is better; × is against nginx. ${note}`)}</text>
${parts.join('\n')}
</svg>
`;
}

function panelHeight(report: ScenarioReport): number {
  return 44 + report.rows.length * STEP + 16;
}

function panel(report: ScenarioReport, left: number, top: number): string {
  const rows = report.rows
    .filter((row) => row.rounds.length > 0)
    .toSorted((a, b) => a.cpuMicros - b.cpuMicros);
  const longest = Math.max(...rows.map((row) => row.cpuMicros), 1);
  const bars = rows.map((row, i) => bar(row, left, top + 36 + i * STEP, longest));
  return [
    `<text class="title" x="${left}" y="${top + 20}">${escaped(report.title)}</text>`,
    `<line x1="${left}" x2="${left + PANEL}" y1="${top + 27.5}" y2="${top + 27.5}" stroke="#e2e8f0"/>`,
    ...bars,
  ].join('\n');
}

function bar(row: Row, left: number, top: number, longest: number): string {
  const own = row.peer === 'parvis';
  const length = Math.max(2, (row.cpuMicros / longest) * (PANEL - LABEL - VALUE));
  const baseline = top + BAR - 4;
  const micros =
    row.cpuMicros < 100 ? row.cpuMicros.toFixed(1) : Math.round(row.cpuMicros).toLocaleString('en-US');
  const ratio = row.toNginx === null ? '' : ` <tspan class="ratio">${row.toNginx.toFixed(1)}×</tspan>`;
  const failed = row.failures.length > 0 ? ' (failed)' : '';
  const name = own ? ' class="own"' : '';
  return [
    `<text${name} x="${left + LABEL - 10}" y="${baseline}" text-anchor="end">${escaped(row.peer)}</text>`,
    `<rect x="${left + LABEL}" y="${top}" width="${length.toFixed(1)}" height="${BAR}" rx="3" fill="${own ? '#4f46e5' : '#a8b3c4'}"/>`,
    `<text${name} x="${(left + LABEL + length + 8).toFixed(1)}" y="${baseline}">${micros} µs${ratio}${failed}</text>`,
  ].join('');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
