// An explanation as text for a terminal.
import type { Explanation } from '../gateway/explain.ts';

export function formatExplanation(explanation: Explanation): string {
  const { request, refusal, host, route, others, replicas, policies, requestToReplica, answer } = explanation;
  const lines: string[] = [];
  if (refusal !== null) return `refused at the gate: ${refusal.status} ${refusal.code}. ${refusal.message}\n`;
  const { method, host: name, path, query } = request!;
  lines.push(`${method} ${name}${path}${query}`);
  if (host === null) {
    lines.push('', `No host of the config answers for ${name}: 404 HOST_UNKNOWN.`);
    return `${lines.join('\n')}\n`;
  }
  lines.push('', `host     ${host.source}${host.name === name ? '' : ` (${host.name})`}`);
  if (route === null) lines.push('route    none matches: 404 NOT_FOUND');
  else {
    lines.push(`route    ${route.source}`, `         ${route.why}`, `action   ${route.action}`);
  }
  if (answer !== null && route !== null) {
    const where = answer.location === null ? '' : ` to ${answer.location}`;
    lines.push(`answer   ${answer.status}${where}, given by the gateway itself`);
  }
  if (replicas !== null && requestToReplica !== null) {
    lines.push(`replicas ${replicas.balance}`, ...replicas.urls.map((url) => `         ${url}`));
  }
  if (others.length > 0) {
    lines.push('', 'routes that do not answer');
    const width = Math.max(...others.map(({ pattern }) => pattern.length));
    for (const other of others) lines.push(`  ${other.pattern.padEnd(width)}  ${other.action}: ${other.why}`);
  }
  if (requestToReplica !== null)
    lines.push(
      '',
      'sent to the replica, for a client at 203.0.113.7',
      ...requestToReplica.map((line) => `  ${line}`),
    );
  if (policies !== null) {
    lines.push('', 'response headers');
    for (const [field, value] of policies.responseSet) lines.push(`  ${field}: ${value}`);
    for (const [field, value] of policies.responseDefaults) {
      lines.push(`  ${field}: ${value}   (unless the replica sends it)`);
    }
    if (policies.responseRemoved.length > 0) lines.push(`  removed: ${policies.responseRemoved.join(', ')}`);
    if (policies.cache !== null) lines.push(`  cache-control: ${policies.cache}`);
    lines.push(`  compression: ${policies.compress ?? 'off'}`);
  }
  return `${lines.join('\n')}\n`;
}
