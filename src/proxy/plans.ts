// What the policies of a route come to once they are compiled: constant lists and sets that the forwarder and
// the response writer apply without knowing which policy wanted them. Built by `policies/`, once per snapshot.
import type { Encoding } from '../static/encodings.ts';

export interface RequestPlan {
  /** Lower-case names not passed to the replica; null for none. */
  readonly remove: ReadonlySet<string> | null;
  /** Field lines added, each with its CRLF. */
  readonly lines: string;
}

export interface ResponsePlan {
  /** Lower-case names dropped from what a replica or an action sends, because a policy removes or replaces them. */
  readonly drop: ReadonlySet<string>;
  /** The same for secure exchanges, where a replica's own Strict-Transport-Security may pass. */
  readonly dropSecure: ReadonlySet<string>;
  /** Names and values, alternating, appended to every response. */
  readonly set: readonly string[];
  /** The same for secure exchanges: with Strict-Transport-Security. */
  readonly setSecure: readonly string[];
  /** Gateway defaults: added where the replica did not send the field. Names in lower case. */
  readonly defaults: readonly { readonly name: string; readonly value: string }[];
  readonly cache: { readonly control: string; readonly override: boolean } | null;
  readonly compress: { readonly encodings: readonly Encoding[]; readonly minSize: number } | null;
}
