// The two ends of a tunnel: connections that carry plain bytes since client and replica agreed to switch
// protocols (RFC 9110 section 7.8). Whoever joins the ends knows no more of a connection than this.

export interface TunnelEnd {
  /** Bytes written that the kernel has not taken yet. */
  readonly pendingBytes: number;
  /** Tells the observer what came early and everything from then on. To be called once, at once. */
  begin(observer: TunnelObserver): void;
  /**
   * Writes `bytes` from `start` to `end`; memory that is not `owned` is copied. False: the kernel has not taken all
   * of it, and nothing more should be written before `onDrain`.
   */
  write(bytes: Buffer, start: number, end: number, owned: boolean): boolean;
  /** Sends FIN behind what is queued. The other direction goes on. */
  end(): void;
  /** Stops reading until `resume`. What is on its way from the kernel may still come. */
  pause(): void;
  resume(): void;
  /** Closes as soon as what is queued has left, FIN included. What still comes is thrown away. */
  finish(): void;
  /** Closes at once, with a reset where what was sent could be taken for the whole. */
  destroy(): void;
}

/** What an end tells. After `finish` or `destroy` neither bytes nor their end are told of any more. */
export interface TunnelObserver {
  /** Bytes, from `start` to `end`. Memory that is not `owned` must be copied before this returns. */
  onData(bytes: Buffer, start: number, end: number, owned: boolean): void;
  /** The kernel has taken all that was written. */
  onDrain(): void;
  /** FIN: no more bytes come from this side. */
  onEnd(): void;
  /** The deadline of the connection is over. Told by the end towards the replica alone. */
  onExpired(): void;
  /** Nothing moves here any more, whatever the reason. Told once. */
  onClosed(): void;
}
