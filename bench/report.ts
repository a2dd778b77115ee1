// From single measurements to the report: medians over the rounds, ratios, targets, and the table as text.

import type { LoadResult } from './load.ts';
import type { Measurement } from './measurement.ts';
import type { Scenario } from './scenarios.ts';

export interface Row {
  peer: string;
  cpuMicros: number;
  /** CPU time per request against nginx in the same scenario; null where nginx was not measured. */
  toNginx: number | null;
  requestsPerSecond: number;
  p50Millis: number;
  p99Millis: number;
  rssBytes: number;
  /** How much of the proxy's core proxy and origin used. Far below 1 the load tool was the bottleneck. */
  busy: number;
  failures: string[];
  rounds: LoadResult[];
}

export interface ScenarioReport {
  name: string;
  title: string;
  rows: Row[];
}

export interface Target {
  scenario: string;
  over: string;
  limit: number;
  ratio: number | null;
  met: boolean | null;
}

/** What Parvis promises, by CPU time per request. */
const TARGETS = [
  { scenario: 'json', over: 'nginx', limit: 2.2 },
  { scenario: 'json', over: '@fastify/http-proxy', limit: 0.4 },
  { scenario: 'asset-1k', over: 'nginx', limit: 2.0 },
  { scenario: 'asset-1k', over: '@fastify/static', limit: 0.15 },
];

export function summarize(
  scenarios: Scenario[],
  peers: string[],
  measurements: Measurement[],
): ScenarioReport[] {
  return scenarios.map(({ name, title }) => {
    const rows: Row[] = [];
    for (const peer of peers) {
      const own = measurements.filter((one) => one.scenario === name && one.peer === peer);
      if (own.length > 0) rows.push(rowOf(peer, own));
    }
    const nginx = rows.find((row) => row.peer === 'nginx');
    for (const row of rows)
      row.toNginx = nginx && nginx.cpuMicros > 0 ? row.cpuMicros / nginx.cpuMicros : null;
    return { name, title, rows };
  });
}

function rowOf(peer: string, measurements: Measurement[]): Row {
  const rounds = measurements.flatMap((one) => (one.result && one.result.requests > 0 ? [one.result] : []));
  const over = (pick: (result: LoadResult) => number) => median(rounds.map(pick));
  return {
    peer,
    cpuMicros: over((one) => one.cpuMicros / one.requests),
    toNginx: null,
    requestsPerSecond: over((one) => one.requests / one.seconds),
    p50Millis: over((one) => one.p50Millis),
    p99Millis: over((one) => one.p99Millis),
    rssBytes: over((one) => one.rssBytes),
    busy: over((one) => (one.cpuMicros + one.originCpuMicros) / 1e6 / one.seconds),
    failures: [...new Set(measurements.flatMap((one) => one.failure ?? []))],
    rounds,
  };
}

/** 0 for an empty list. */
function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

export function targetsOf(reports: ScenarioReport[]): Target[] {
  return TARGETS.map((target) => {
    const rows = reports.find((report) => report.name === target.scenario)?.rows ?? [];
    const cost = (peer: string) => rows.find((row) => row.peer === peer && row.rounds.length > 0)?.cpuMicros;
    const [own, other] = [cost('parvis'), cost(target.over)];
    if (own === undefined || other === undefined) return { ...target, ratio: null, met: null };
    return { ...target, ratio: own / other, met: own / other <= target.limit };
  });
}

const COLUMNS = ['CPU µs/req', '× nginx', 'req/s', 'p50 ms', 'p99 ms', 'RSS MB', 'core busy'];

export function tableText(reports: ScenarioReport[]): string {
  const lines: string[] = [];
  for (const { title, rows } of reports) {
    lines.push('', line(title, COLUMNS));
    for (const row of rows.toSorted((a, b) => a.cpuMicros - b.cpuMicros)) {
      const cells = row.rounds.length > 0 ? cellsOf(row) : [];
      lines.push(
        line(`  ${row.peer}`, cells) + row.failures.map((failure) => `\n    FAILED: ${failure}`).join(''),
      );
    }
  }
  return lines.join('\n');
}

function cellsOf(row: Row): string[] {
  return [
    row.cpuMicros.toFixed(row.cpuMicros < 100 ? 1 : 0),
    row.toNginx === null ? '–' : row.toNginx.toFixed(2),
    Math.round(row.requestsPerSecond).toLocaleString('en-US'),
    row.p50Millis.toFixed(1),
    row.p99Millis.toFixed(1),
    (row.rssBytes / 1e6).toFixed(0),
    `${Math.round(row.busy * 100)} %`,
  ];
}

function line(first: string, cells: string[]): string {
  return first.padEnd(28) + cells.map((cell) => cell.padStart(11)).join('');
}

/** A sentence about other load on the machine, or '' when there was next to none. */
export function disturbanceText(measurements: Measurement[]): string {
  const shares = measurements.flatMap((one) => one.result?.foreignShare ?? []);
  const share = median(shares);
  if (share < 0.05) return '';
  const percent = Math.round(share * 100);
  return `\nOther programs used ${percent} % of the two cores (median): measure again on a quiet machine before you quote this.`;
}

export function targetText(targets: Target[]): string {
  const lines = targets.map(({ scenario, over, limit, ratio, met }) => {
    const mark = met === null ? '  – ' : met ? 'PASS' : 'MISS';
    const seen = ratio === null ? 'not measured' : ratio.toFixed(2);
    return `${mark}  ${`${scenario}: parvis / ${over}`.padEnd(42)} ${seen}  (at most ${limit})`;
  });
  return ['Targets, by CPU time per request:', ...lines].join('\n');
}
