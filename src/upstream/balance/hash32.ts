// Hashes of 32 bits, the same in every thread and after every restart. Fast and evenly spread; nothing that must
// withstand somebody who looks for collisions depends on them. Signed, because V8 keeps such numbers without a box.

/** Spreads every bit over all others; different integers of 32 bits stay different. */
export function mix(number: number): number {
  let x = number | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return x ^ (x >>> 15);
}

/** A hash as a fraction, between 0 and 1 and never one of them. The greater hash is the greater fraction. */
export function fractionOf(hash: number): number {
  return (hash + 2 ** 31 + 0.5) / 2 ** 32;
}

/** Of a text of any length (FNV-1a over its UTF-16 units, then mixed). */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mix(hash);
}
