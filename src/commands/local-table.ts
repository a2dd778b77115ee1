// The table that `start --local` prints: what to open, and what answers there.
import type { ResolvedAction, ResolvedConfig } from '../config/resolved.ts';
import type { StandIn } from '../supervisor/local.ts';
import { consoleExample } from './local-console.ts';

/** One line per route, aligned. `hasConsole`: commands can be typed. */
export function localTable(
  config: ResolvedConfig,
  standIns: ReadonlyMap<string, StandIn>,
  port: number,
  hasConsole: boolean,
): string {
  const rows: [url: string, answer: string][] = [];
  for (const host of config.hosts) {
    for (const route of host.routes) {
      rows.push([
        `http://${host.name}:${port}${route.pattern}`,
        describe(config.actions[route.action]!, config, standIns),
      ]);
    }
    for (const name of host.redirectFrom) rows.push([`http://${name}:${port}/*`, `redirect to ${host.name}`]);
  }
  const width = Math.max(...rows.map(([url]) => url.length));
  const lines = rows.map(([url, answer]) => `  ${url.padEnd(width)}  ${answer}`);
  const announced = hasConsole ? `${announcement(standIns)}\n` : '';
  return `\nParvis serves\n\n${lines.join('\n')}\n\n${announced}Stop with Ctrl-C.\n\n`;
}

function announcement(standIns: ReadonlyMap<string, StandIn>): string {
  const example = consoleExample(standIns, 'stop');
  if (example === null) return 'Type "list" to see the replicas.';
  return `Type "list" to see the replicas, "${example}" to watch one die, "help" for the rest.`;
}

function describe(
  action: ResolvedAction,
  config: ResolvedConfig,
  standIns: ReadonlyMap<string, StandIn>,
): string {
  const upstream = (index: number): string => {
    const { name, replicas } = config.upstreams[index]!;
    const standIn = standIns.get(name);
    if (standIn !== undefined) return `${name}: stand-in, ${standIn.describe}`;
    return `${name}: ${replicas.map((replica) => replica.url).join(', ')}`;
  };
  switch (action.kind) {
    case 'proxy':
      return `proxy to ${upstream(action.upstream)}`;
    case 'split':
      return `split: ${action.parts.map((part) => `${part.percent} % to ${upstream(part.upstream)}`).join('; ')}`;
    case 'spa-upstream':
      return `SPA from ${upstream(action.upstream)}`;
    case 'spa':
      return `SPA from ${config.roots[action.root]!.path}`;
    case 'files':
      return `files from ${config.roots[action.root]!.path}`;
    case 'redirect':
      return `redirect ${action.status} to ${action.to || '/'}${action.keepRest ? '/*' : ''}`;
    case 'respond':
      return `respond ${action.status}`;
  }
}
