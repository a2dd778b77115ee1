// Answers from a file that is too large for memory: the same conditions and ranges as in memory, the bytes
// streamed from a file that still is the one the manifest describes.

import { processLog } from '../observe/process-log.ts';
import type { BodySource } from '../proxy/answer.ts';
import type { Exchange } from '../proxy/exchange.ts';
import type { ResponseWriter } from '../proxy/response-writer.ts';
import { CACHE_CONTROL } from '../static/cache-rules.ts';
import { type ConditionalFields, evaluate } from '../static/conditions.ts';
import { DiskReader, type DiskSink } from '../static/disk-reader.ts';
import type { StaticFile } from '../static/manifest.ts';

/** Streams `file`, or the part of it that was asked for. */
export function streamFile(exchange: Exchange, writer: ResponseWriter, file: StaticFile): void {
  const { method, req, route } = exchange;
  const verdict = evaluate(method, req.headers as ConditionalFields, file.etag, file.lastModified, file.size);
  const { cache } = route.response;
  const policy = cache !== null && file.cacheControl === CACHE_CONTROL.revalidate;
  const cacheControl = policy ? cache.control : file.cacheControl;
  const fields = ['content-type', file.type, 'etag', file.etag, 'accept-ranges', 'bytes'];
  if (file.lastModifiedDate !== null) fields.push('last-modified', file.lastModifiedDate);
  if (file.compressible && route.response.compress !== null) fields.push('vary', 'accept-encoding');
  const { status } = verdict;
  if (status === 412) return writer.fail('PRECONDITION_FAILED');
  if (status === 416) return writer.fail('RANGE_NOT_SATISFIABLE', ['content-range', `bytes */${file.size}`]);
  if (status === 304) {
    return writer.reply({ status, fields, length: -1, bodiless: true, cacheControl, coded: true }, null);
  }
  const start = status === 206 ? verdict.start : 0;
  const end = status === 206 ? verdict.end : file.size - 1;
  if (status === 206) fields.push('content-range', `bytes ${start}-${end}/${file.size}`);
  const length = end - start + 1;
  const head = { status, fields, length, bodiless: method === 'HEAD', cacheControl, coded: true };
  if (method === 'HEAD') return writer.reply(head, null);
  new FileStream(exchange, writer, head, file, start, end);
}

class FileStream implements BodySource, DiskSink {
  readonly #exchange: Exchange;
  readonly #writer: ResponseWriter;
  readonly #head: Parameters<ResponseWriter['head']>[0];
  readonly #reader: DiskReader;

  constructor(
    exchange: Exchange,
    writer: ResponseWriter,
    head: Parameters<ResponseWriter['head']>[0],
    file: StaticFile,
    start: number,
    end: number,
  ) {
    this.#exchange = exchange;
    this.#writer = writer;
    this.#head = head;
    this.#reader = new DiskReader(file, start, end, this);
    writer.attach(this);
  }

  onOpen(): void {
    this.#writer.head(this.#head);
  }

  onChunk(chunk: Buffer): boolean {
    return this.#writer.piece(chunk);
  }

  get isDrained(): boolean {
    return this.#exchange.res.pendingBytes === 0;
  }

  onEnd(): void {
    this.#writer.end([]);
  }

  onError(reason: 'changed' | 'failed', error: Error): void {
    processLog.error('a file could not be streamed', {
      route: this.#exchange.route.source,
      reason,
      detail: error.message,
    });
    this.#writer.fail(reason === 'changed' ? 'STATIC_FILE_CHANGED' : 'INTERNAL');
  }

  /** The reader stops by itself when a chunk was not taken. */
  pause(): void {}

  resume(): void {
    this.#reader.resume();
  }

  abort(): void {
    this.#reader.abort();
  }
}
