// The `headers` policy, compiled: fields set and removed on the way to the replica and on the way back.
import type { ResolvedPolicies } from '../config/resolved.ts';
import type { RequestPlan } from '../proxy/plans.ts';

/** The part that concerns requests. */
export function compileRequestHeaders(headers: ResolvedPolicies['headers']): RequestPlan {
  const remove = new Set(headers.requestRemove);
  let lines = '';
  for (const [name, value] of headers.requestSet) {
    // What is set replaces what the client sent.
    remove.add(name.toLowerCase());
    lines += `${name}: ${value}\r\n`;
  }
  return { remove: remove.size === 0 ? null : remove, lines };
}
