// Time and chance as the supervisor's decisions about replicas see them, so that a test can say what both are.
import { sharedNow } from './shared-clock.ts';

/** Undoes what was begun. Harmless when it is over already. */
export type Cancel = () => void;

export interface TimeSource {
  /** Milliseconds of `sharedNow()`. */
  now(): number;
  /** 0 to 1, without 1. */
  random(): number;
  /** Runs something once, later. The timer does not keep the process alive. */
  after(ms: number, run: () => void): Cancel;
}

/** A longer timer of Node would be over at once. */
const LONGEST = 2 ** 31 - 1;

export const systemTime: TimeSource = {
  now: sharedNow,
  random: Math.random,
  after(ms, run) {
    const timer = setTimeout(run, Math.min(ms, LONGEST)).unref();
    return () => clearTimeout(timer);
  },
};

/** 20 % more or less, so that what began together does not stay together. */
export function jittered(ms: number, time: TimeSource): number {
  return ms * (0.8 + 0.4 * time.random());
}
