// The part of an explanation that is about replicas as text: how they do, which one is picked and why, and the rules
// for an exchange with them.
import type { ResolvedHealth, ResolvedRetry } from '../config/resolved.ts';
import type { ExplainedReplica, ExplainedReplicas, ExplainedRules } from '../gateway/explanation.ts';
import { columns } from './columns.ts';
import { checkText, durationText, sizeText } from './unit-text.ts';

export function replicaLines(replicas: ExplainedReplicas): string[] {
  const { upstream, asked, all, notes, balance, sticky, anyOf, why } = replicas;
  const told = asked ? 'asked just now' : 'as written, nobody was asked';
  const lines = [`replicas of ${upstream}, ${told}`];
  const isWeighted = all.some(({ weight }) => weight !== 1);
  lines.push(...columns(all.map((replica) => row(replica, isWeighted))).map((line) => `  ${line}`));
  for (const note of notes) lines.push(`  ${note}`);
  if (all.length > 0 && all.every(({ state }) => state === 'no address'))
    lines.push('  not on the network of the replicas? Run explain there, or add --offline');
  lines.push(`balance  ${balance}`);
  if (sticky !== null) lines.push(`sticky   cookie ${sticky.cookie} ${sticky.why}`);
  const picked = anyOf.length > 1 ? `any of ${anyOf.join(', ')}` : (anyOf[0] ?? 'none');
  lines.push(`picked   ${picked}`, `         ${why}`);
  return lines;
}

function row(replica: ExplainedReplica, isWeighted: boolean): string[] {
  const { url, state, check, took, weight, backup } = replica;
  const result = check === null ? '' : took === null ? check : checkText(check, took);
  const remarks = [isWeighted ? `weight ${weight}` : '', backup ? 'backup' : ''];
  return [url, state, result, remarks.filter((remark) => remark !== '').join(', ')];
}

export function ruleLines({ hold, retry, connections, timeouts, health, eject }: ExplainedRules): string[] {
  const { max, queue, queueTimeout } = connections;
  const { connect, response, idle, tunnel } = timeouts;
  return [
    `health   ${health === null ? 'not checked' : healthText(health)}`,
    eject === null
      ? 'eject    off'
      : `eject    after ${eject.consecutive} failures in a row, for ${durationText(eject.base)} to ` +
        `${durationText(eject.max)}, at most ${Math.round(eject.atMost * 100)} % of the replicas`,
    `retry    ${retry === null ? 'off' : retryText(retry)}`,
    hold === null
      ? 'hold     off: while no replica is up, 503 at once'
      : `hold     up to ${durationText(hold.time)} while no replica is up, at most ${hold.exchanges} exchanges ` +
        `and ${sizeText(hold.bytes)}`,
    `limits   ${max} connections to each replica; up to ${queue} exchanges for each wait ` +
      `${durationText(queueTimeout)} for a free one`,
    `timeouts connect ${durationText(connect)}, response ${durationText(response)}, ` +
      `idle ${durationText(idle)}, tunnel ${durationText(tunnel)}`,
  ];
}

function healthText({ path, interval, timeout, rise, fall, port, host }: ResolvedHealth): string {
  const where = `${host === null ? '' : ` for ${host}`}${port === null ? '' : ` on port ${port}`}`;
  return (
    `GET ${path}${where} every ${durationText(interval)}, at most ${durationText(timeout)}; ` +
    `down after ${fall} failures in a row, up again after ${rise} passes`
  );
}

function retryText({ attempts, budget, connect, reset, statuses }: ResolvedRetry): string {
  const again = [...(reset ? ['a reset'] : []), ...statuses.map((status) => `a ${status}`)];
  const parts: string[] = [];
  if (connect) parts.push('without a connection, every other replica');
  if (attempts > 1 && again.length > 0) {
    const share = `${Math.round(budget * 100)} % more requests`;
    const most = `up to ${attempts} attempts and at most ${share}`;
    parts.push(`after ${again.join(' or ')}, ${most}, never a POST or PATCH`);
  }
  return parts.length === 0 ? 'off' : parts.join('; ');
}
