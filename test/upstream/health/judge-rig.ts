// A judge of some replicas, with time under the test's control, and a stand-in for the workers that fail there.

import assert from 'node:assert/strict';
import { EjectionJudge } from '../../../src/upstream/health/ejection-judge.ts';
import { Ejection, ReplicaCell } from '../../../src/upstream/replica-cell.ts';
import { ManualTime } from '../manual-time.ts';
import { RecordedLog } from '../recorded-log.ts';

export const CONFIG = { consecutive: 5, base: 10_000, max: 300_000, atMost: 0.5 };

export class JudgeRig {
  readonly time = new ManualTime();
  readonly log = new RecordedLog();
  readonly cells: ReplicaCell[];
  /** Ids of the members, which are the indexes of their cells. */
  members: number[];
  readonly judge: EjectionJudge;

  constructor(size: number, config: Partial<typeof CONFIG> = {}) {
    this.cells = Array.from({ length: size }, () => ReplicaCell.create(1));
    this.members = this.cells.map((_, id) => id);
    this.judge = new EjectionJudge(
      { ...CONFIG, ...config },
      () => this.members.map((id) => ({ id, url: `http://api-${id}`, cell: this.cells[id]! })),
      'api',
      { time: this.time, log: this.log },
    );
  }

  /** What a worker does that meets failures. */
  fail(id: number, failures = CONFIG.consecutive): void {
    const cell = this.cells[id]!;
    for (let i = 0; i < failures; i++) {
      if (cell.countFailure() >= CONFIG.consecutive && cell.ejection === Ejection.none)
        this.judge.suspect(id);
    }
  }

  /** Lets the time of an ejection pass and a worker take the single exchange. */
  takeProbe(id: number): void {
    this.time.advance(this.judge.stateOf(id).until - this.time.now());
    assert.equal(this.cells[id]!.claimProbe(), true);
  }

  /** How long an ejection that was just begun lasts. */
  length(id: number): number {
    return this.judge.stateOf(id).until - this.time.now();
  }

  /** Ejected, half open or probed. */
  get out(): number[] {
    return this.members.filter((id) => this.cells[id]!.ejection !== Ejection.none);
  }

  get news(): unknown[] {
    return this.log.lines.map(({ message, facts }) =>
      `${message}: ${facts.replica} ${facts.why ?? ''}`.trim(),
    );
  }
}
