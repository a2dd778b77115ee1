// Which replica takes an exchange: from those that are up and have room, by sticky cookie or by the balancer.
import type { ResolvedUpstream } from '../config/resolved.ts';
import { type Balancer, createBalancer } from './balance/balancer.ts';
import type { Sticky } from './balance/sticky.ts';
import type { Replica } from './replica.ts';
import { Checked, Ejection } from './replica-cell.ts';

/** What an exchange wants of the replica that it is given. */
export interface Wish {
  /** Not these, if there are others. */
  readonly tried: readonly Replica[] | null;
  /** Value of the `Cookie` field, where sticky cookies are looked for. */
  readonly cookie: string | undefined;
  /** Address of the client. */
  readonly clientAddress: string;
  /** It could be sent again if this attempt fails. */
  readonly isRepeatable: boolean;
}

/**
 * `busy`: there are replicas, all with as many connections as they may have. `down`: there is none that the exchange
 * has not tried already.
 */
export type NoReplica = 'busy' | 'down';

/** Of the exchanges that cannot be repeated, the part that may be the single one of a half-open replica. */
const UNREPEATABLE_PROBES = 0.1;

/** Replicas that a choice is made from; one array for all choices, because none outlives its call. */
const candidates: Replica[] = [];

export class Choice {
  /** The last pick was of a half-open replica, for its single exchange: the end of the attempt must be reported. */
  pickedProbe = false;
  /** The last pick was 'busy' because this one, which the client's cookie names, is full; null for another reason. */
  awaited: Replica | null = null;
  readonly #balancer: Balancer;
  readonly #sticky: Sticky | null;

  constructor(config: ResolvedUpstream, sticky: Sticky | null) {
    this.#balancer = createBalancer(config.balance, config.slowStart);
    this.#sticky = sticky;
  }

  pick(replicas: readonly Replica[], wish: Wish): Replica | NoReplica {
    this.pickedProbe = false;
    this.awaited = null;
    // Primaries, then backups, then what was ejected of either: rather all than none.
    for (let tier = 0; tier < 4; tier++) {
      const picked = this.#pickFrom(replicas, wish, tier % 2 === 1, tier >= 2);
      if (picked !== 'down') return picked;
    }
    return 'down';
  }

  #pickFrom(
    replicas: readonly Replica[],
    wish: Wish,
    backup: boolean,
    ejectedToo: boolean,
  ): Replica | NoReplica {
    const { tried } = wish;
    let count = 0;
    let isFull = false;
    for (let i = 0; i < replicas.length; i++) {
      const replica = replicas[i]!;
      if (replica.backup !== backup || replica.cell.checked === Checked.down) continue;
      const { ejection } = replica.cell;
      if (ejection !== Ejection.none && !ejectedToo) {
        if (ejection === Ejection.halfOpen && this.#claimsProbe(wish, replica)) return replica;
        continue;
      }
      if (tried?.includes(replica) === true) continue;
      if (replica.hasRoom) candidates[count++] = replica;
      else isFull = true;
    }
    if (count === 0) return isFull ? 'busy' : 'down';
    if (this.#sticky !== null && wish.cookie !== undefined) {
      const kept = this.#sticky.find(wish.cookie, replicas);
      if (kept !== null && kept.backup === backup) {
        for (let i = 0; i < count; i++) if (candidates[i] === kept) return kept;
        if (isFull && isSound(kept) && tried?.includes(kept) !== true) {
          this.awaited = kept;
          return 'busy';
        }
      }
    }
    return count === 1 ? candidates[0]! : this.#balancer.choose(candidates, count, wish.clientAddress);
  }

  /** Whether this exchange is the one by which a half-open replica is tried. */
  #claimsProbe(wish: Wish, replica: Replica): boolean {
    if (wish.tried !== null || !replica.hasRoom) return false;
    if (!wish.isRepeatable && Math.random() >= UNREPEATABLE_PROBES) return false;
    return (this.pickedProbe = replica.cell.claimProbe());
  }
}

/** A client's own replica is worth waiting for, as long as it is only full. */
function isSound({ cell }: Replica): boolean {
  return cell.checked !== Checked.down && cell.ejection === Ejection.none;
}
