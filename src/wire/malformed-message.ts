// A message that is not HTTP/1.1 as we read it.

/** Says what was wrong; for the log, never for a client. */
export class MalformedMessage extends Error {}
