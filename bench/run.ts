// `npm run bench`: measures every peer in every scenario, in rounds with the order rotated, prints the table
// and writes JSON and chart. Whatever happens, nothing it started is left running.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { chart } from './chart.ts';
import { type Bench, type Measurement, measure, openBench } from './measurement.ts';
import { HELP, type Options, PEER_NAMES, readOptions } from './options.ts';
import { caddy } from './peers/caddy.ts';
import { fastifyProxy, fastifyStatic } from './peers/fastify.ts';
import { haproxy } from './peers/haproxy.ts';
import { nginx } from './peers/nginx.ts';
import { parvis } from './peers/parvis.ts';
import { type Peer, printedVersion } from './peers/peer.ts';
import { stopAll } from './processes.ts';
import { disturbanceText, summarize, tableText, targetsOf, targetText } from './report.ts';
import { type Scenario, scenarios } from './scenarios.ts';
import { writeSite } from './site.ts';

const PEERS: Peer[] = [parvis, nginx, haproxy, caddy, fastifyProxy, fastifyStatic];
const home = join(import.meta.dirname, '..');

interface Installed {
  peers: Peer[];
  versions: Record<string, string>;
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options === 'help') {
    console.log(HELP);
    return 0;
  }
  if (process.platform !== 'linux' || printedVersion('taskset', '--version') === null) {
    throw new Error(
      'the bench needs Linux: /proc for CPU time and taskset (package util-linux) to pin to cores',
    );
  }
  // Debian puts nginx and haproxy where an ordinary user's PATH does not reach.
  process.env.PATH = `${process.env.PATH}:/usr/local/sbin:/usr/sbin`;
  const installed = installedPeers(options);
  const folder = mkdtempSync(join(tmpdir(), 'parvis-bench-'));
  const profileFolder = options.profile ? mkdtempSync(join(tmpdir(), 'parvis-profile-')) : null;
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      console.log(`\n${signal}: stopping`);
      stopAll().then(() => process.exit(130), fail);
    });
  }
  try {
    const site = writeSite(folder);
    const chosen = scenarios(site).filter((scenario) => options.only.includes(scenario.name));
    const bench = await openBench(home, folder, site, profileFolder);
    const measurements = await measureAll(bench, installed.peers, chosen, options);
    if (profileFolder !== null) console.log(`\nCPU profiles of parvis: ${profileFolder}`);
    return report(options, installed, chosen, measurements);
  } finally {
    await stopAll();
  }
}

function installedPeers(options: Options): Installed {
  const peers: Peer[] = [];
  const versions: Record<string, string> = {};
  const missing: string[] = [];
  for (const peer of PEERS.filter((one) => options.peers.includes(one.name))) {
    const version = peer.version();
    if (version === null) {
      missing.push(peer.name);
      continue;
    }
    versions[peer.name] = version;
    peers.push(peer);
  }
  if (missing.length > 0) console.log(`not installed: apt-get install ${missing.join(' ')}`);
  if (peers.length === 0) throw new Error('there is no peer left to measure');
  return { peers, versions };
}

async function measureAll(
  bench: Bench,
  peers: Peer[],
  chosen: Scenario[],
  options: Options,
): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  const inScenario = (scenario: Scenario) => peers.filter((peer) => peer.serves.includes(scenario.kind));
  const total = options.rounds * chosen.reduce((sum, scenario) => sum + inScenario(scenario).length, 0);
  console.log(
    `${total} measurements, ${options.warmSeconds} s warm-up and ${options.windowSeconds} s window each`,
  );
  for (let round = 1; round <= options.rounds; round++) {
    for (const scenario of chosen) {
      const own = inScenario(scenario);
      // Each round begins with another peer, so that nobody always runs after the same neighbour.
      const shift = (round - 1) % Math.max(1, own.length);
      for (const peer of [...own.slice(shift), ...own.slice(0, shift)]) {
        const one = await measure(bench, peer, scenario, round, options);
        measurements.push(one);
        console.log(progress(one, measurements.length, total, options.rounds));
      }
    }
  }
  return measurements;
}

function progress(one: Measurement, count: number, total: number, rounds: number): string {
  const place = `[${String(count).padStart(String(total).length)}/${total}] round ${one.round}/${rounds}`;
  const cell = `${place}  ${one.scenario.padEnd(10)}${one.peer.padEnd(21)}`;
  if (one.failure !== null) return `${cell}FAILED: ${one.failure}`;
  const { cpuMicros, requests, seconds } = one.result!;
  const perSecond = Math.round(requests / seconds).toLocaleString('en-US');
  return `${cell}${(cpuMicros / requests).toFixed(1).padStart(9)} µs ${perSecond.padStart(9)} req/s`;
}

function report(
  options: Options,
  { peers, versions }: Installed,
  chosen: Scenario[],
  measurements: Measurement[],
): number {
  const reports = summarize(chosen, PEER_NAMES, measurements);
  const targets = targetsOf(reports);
  console.log(`${tableText(reports)}\n\n${targetText(targets)}`);
  const failed = measurements.filter((one) => one.failure !== null).length;
  const disturbance = disturbanceText(measurements);
  if (disturbance !== '') console.log(disturbance);
  if (failed > 0) console.log(`\n${failed} of ${measurements.length} measurements FAILED`);

  const machine = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
  };
  const { rounds, warmSeconds, windowSeconds } = options;
  const date = new Date().toISOString();
  const facts = { date, machine, versions, rounds, warmSeconds, windowSeconds, targets, scenarios: reports };
  const medians = rounds === 1 ? 'one round' : `medians of ${rounds} rounds`;
  const note = `${machine.cpu}, ${machine.cores} cores, Node ${process.versions.node}, ${date.slice(0, 10)}, ${medians}.`;
  const results = join(home, 'bench', 'results');
  mkdirSync(results, { recursive: true });
  const name = options.full && peers.length === PEERS.length ? 'latest' : 'partial';
  writeFileSync(join(results, `${name}.json`), `${JSON.stringify(facts, null, 2)}\n`);
  writeFileSync(join(results, `${name}.svg`), chart(reports, note));
  console.log(`\nwritten: bench/results/${name}.json and ${name}.svg`);
  return failed > 0 || targets.some((target) => target.met === false) ? 1 : 0;
}

function fail(error: unknown): never {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}

main().then((code) => process.exit(code), fail);
