// The command line of the bench.

import { parseArgs } from 'node:util';
import { SCENARIO_NAMES } from './scenarios.ts';

export const PEER_NAMES = ['parvis', 'nginx', 'haproxy', 'caddy', '@fastify/http-proxy', '@fastify/static'];

export interface Options {
  rounds: number;
  warmSeconds: number;
  windowSeconds: number;
  only: string[];
  peers: string[];
  profile: boolean;
  /** Whether this is a run whose numbers stand for all: every scenario and peer, at full length. */
  full: boolean;
}

export const HELP = `npm run bench -- [options]

Measures CPU time per request of Parvis and its peers, all in one run: about 8 minutes.

  --quick          one short round, about 1.5 minutes; its numbers are rough
  --only A,B       these scenarios: ${SCENARIO_NAMES.join(', ')}
  --peers A,B      these peers: ${PEER_NAMES.join(', ')}
                   ("fastify" stands for both of its plugins)
  --rounds N       how often everything is measured; medians are reported (default 3, quick 1)
  --profile        starts Parvis with --cpu-prof and says where the profiles are
  --help           this text

A full run with every peer installed writes bench/results/latest.json and latest.svg, any other run
partial.json and partial.svg.
Exit 0 when every answer was right and no target was missed, else 1.`;

/** Throws a sentence for the user when something on the command line is not known. */
export function readOptions(args: string[]): Options | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      peers: { type: 'string' },
      rounds: { type: 'string' },
      profile: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  const rounds = values.rounds === undefined ? (values.quick ? 1 : 3) : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 50) {
    throw new Error(`--rounds takes a whole number from 1 to 50, not "${values.rounds}"`);
  }
  const peers = values.peers?.replace(/(^|,)fastify(?=,|$)/, '$1@fastify/http-proxy,@fastify/static');
  return {
    rounds,
    warmSeconds: values.quick ? 1 : 2,
    windowSeconds: values.quick ? 1.5 : 3,
    only: chosen('--only', values.only, SCENARIO_NAMES),
    peers: chosen('--peers', peers, PEER_NAMES),
    profile: values.profile,
    full: !values.quick && !values.profile && values.only === undefined && values.peers === undefined,
  };
}

function chosen(option: string, value: string | undefined, known: string[]): string[] {
  if (value === undefined) return known;
  const names = value.split(',').filter(Boolean);
  for (const name of names) {
    if (!known.includes(name)) throw new Error(`${option}: no "${name}". Known: ${known.join(', ')}`);
  }
  if (names.length === 0) throw new Error(`${option} needs at least one of: ${known.join(', ')}`);
  return known.filter((name) => names.includes(name));
}
