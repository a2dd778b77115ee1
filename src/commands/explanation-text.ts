// An explanation as text for a terminal.
import type { ExplainedAnswer, ExplainedMaintenance, Explanation } from '../gateway/explanation.ts';
import { replicaLines, ruleLines } from './explained-replicas-text.ts';
import { durationText } from './unit-text.ts';

export function formatExplanation(explanation: Explanation): string {
  const { request, refusal, host, route, others, replicas, rules, policies, requestToReplica } = explanation;
  const { answer, maintenance, client } = explanation;
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
  if (maintenance !== null) lines.push(...maintenanceLines(maintenance, client));
  if (answer !== null && route !== null) lines.push(answerLine(answer));
  if (replicas !== null) lines.push('', ...replicaLines(replicas));
  if (rules !== null) lines.push('', ...ruleLines(rules));
  if (others.length > 0) {
    lines.push('', 'routes that do not answer');
    const width = Math.max(...others.map(({ pattern }) => pattern.length));
    for (const other of others) lines.push(`  ${other.pattern.padEnd(width)}  ${other.action}: ${other.why}`);
  }
  if (requestToReplica !== null) {
    const sent = answer === null ? 'sent to the replica' : 'would be sent to a replica that is up';
    lines.push('', `${sent}, for a client at ${client}`);
    lines.push(...requestToReplica.map((line) => `  ${line}`));
  }
  if (policies !== null) lines.push('', ...policyLines(policies));
  return `${lines.join('\n')}\n`;
}

function answerLine({ status, code, location, retryAfter, heldFor }: ExplainedAnswer): string {
  const parts = [
    code === null ? `${status}` : `${status} ${code}`,
    location === null ? '' : ` to ${location}`,
    retryAfter === null ? '' : ` with Retry-After: ${retryAfter}`,
    ', given by the gateway itself',
    heldFor === 0 ? '' : ` after ${durationText(heldFor)}, unless a replica comes up meanwhile`,
  ];
  return `answer   ${parts.join('')}`;
}

function maintenanceLines({ allow, letThrough }: ExplainedMaintenance, client: string): string[] {
  const networks = allow.length === 0 ? 'nobody is let through' : `let through: ${allow.join(', ')}`;
  const who = letThrough ? `${client} is` : `${client} is not: see the rest with --client ADDRESS`;
  return [`closed   for maintenance; ${networks}`, ...(allow.length === 0 ? [] : [`         ${who}`])];
}

function policyLines(policies: NonNullable<Explanation['policies']>): string[] {
  const lines = ['response headers'];
  for (const [field, value] of policies.responseSet) lines.push(`  ${field}: ${value}`);
  for (const [field, value] of policies.responseDefaults) {
    lines.push(`  ${field}: ${value}   (unless the replica sends it)`);
  }
  if (policies.responseRemoved.length > 0) lines.push(`  removed: ${policies.responseRemoved.join(', ')}`);
  if (policies.cache !== null) lines.push(`  cache-control: ${policies.cache}`);
  lines.push(`  compression: ${policies.compress ?? 'off'}`);
  return lines;
}
