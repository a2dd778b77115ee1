// Cases in which replica A misbehaves: it does what the case says for every request of the case, and answers
// the rig's own checks as always.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Piece } from '../support/raw-client.ts';
import type { ReplicaConnection, Script } from '../support/recording-replica.ts';
import type { RecordedRequest } from '../support/request-reader.ts';
import { headersOf } from '../support/response-parser.ts';
import { echo, GET1, type Outcome, type Rig } from './rig.ts';

/** Text with `¶` for CRLF, as bytes (latin1). */
export const bytesOf = (text: string) => Buffer.from(text.replaceAll('¶', '\r\n'), 'latin1');

/** Lets A follow the script while `run` lasts. */
export async function withScript(rig: Rig, script: Script, run: () => Promise<void>): Promise<void> {
  const normal = echo('A');
  rig.a.script = (request: RecordedRequest, on: ReplicaConnection) => {
    if (request.target === '/invariant') return normal(request);
    return typeof script === 'function' ? script(request, on) : script;
  };
  try {
    await run();
  } finally {
    rig.a.script = normal;
  }
}

export interface ScriptedOutcome extends Outcome {
  /** The connection of the case carries nothing else and is closed. */
  readonly notReused?: boolean;
}

/** A test in which A answers `pieces` with the script, and the client must see `outcome`. */
export function scripted(
  rig: Rig,
  title: string,
  script: Script,
  outcome: ScriptedOutcome,
  pieces: Piece | Piece[] = GET1,
): void {
  test(title, () =>
    withScript(rig, script, async () => {
      await rig.run(pieces, outcome);
      if (outcome.notReused) await assertNotReused(rig);
    }),
  );
}

/** `scripted` for a list: what is added to the title → what A sends. The answer is 502 each time. */
export function scriptedRefusals(rig: Rig, title: string, cases: Record<string, string>): void {
  for (const [what, text] of Object.entries(cases)) {
    scripted(rig, `${title}: ${what}`, bytesOf(text), {
      answers: [502],
      upstream: ['A GET /'],
      notReused: true,
    });
  }
}

/** The connection that carried the last request of a case is closed and carried nothing more. */
export async function assertNotReused(rig: Rig): Promise<void> {
  const request = rig.a.requests.findLast(({ target }) => target !== '/invariant')!;
  const connection = rig.a.connections[request.connection]!;
  assert.equal(connection.requests.at(-1), request, 'the connection was used again');
  await rig.a.until(() => connection.closed, 1000);
}

/** What the replica saw of a field: every value, in order. */
export const seen = (request: RecordedRequest | undefined, name: string) => headersOf(request!, name);
