// Small chunks of one read become one piece; nothing is lost, reordered or carried over to the next read.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChunkedDecoder } from '../../src/wire/chunked-decoder.ts';
import { PieceJoiner } from '../../src/wire/piece-joiner.ts';

/** Decodes reads and returns the pieces of each. */
function piecesOf(reads: string[]): string[][] {
  let bytes = Buffer.alloc(0);
  let pieces: string[] = [];
  const joiner = new PieceJoiner((start, end) => pieces.push(bytes.toString('latin1', start, end)));
  const decoder = new ChunkedDecoder();
  return reads.map((read) => {
    bytes = Buffer.from(read, 'latin1');
    pieces = [];
    joiner.begin(bytes);
    decoder.decode(bytes, 0, bytes.length, joiner.add);
    joiner.flush();
    return pieces;
  });
}

const chunk = (data: string): string => `${data.length.toString(16)}\r\n${data}\r\n`;

test('one-byte chunks of a read are one piece', () => {
  const text = 'abcdefghijklmnopqrstuvwxyz'.repeat(100);
  assert.deepEqual(piecesOf([[...text].map(chunk).join('')]), [[text]]);
});

test('a long chunk is handed on as it is, in its place', () => {
  const long = 'x'.repeat(5000);
  assert.deepEqual(piecesOf([['a', 'b', long, 'c', 'd'].map(chunk).join('')]), [['ab', long, 'cd']]);
});

test('chunks of different reads stay apart, also one that is cut in two', () => {
  const bytes = `${chunk('ab')}${chunk('cdef')}0\r\n\r\n`;
  for (let cut = 0; cut <= bytes.length; cut++) {
    const pieces = piecesOf([bytes.slice(0, cut), bytes.slice(cut)]);
    assert.equal(pieces.flat().join(''), 'abcdef');
    assert.ok(
      pieces.every((read) => read.length <= 1),
      `cut at ${cut}`,
    );
  }
});
