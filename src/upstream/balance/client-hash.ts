// A number for who a client is: its IPv4 address, or the /64 of its IPv6 address, because that is what a
// household or a machine is given and picks its addresses from. The same however the address is written, since a
// trusted proxy may write it in another way than our socket does.
import { mix } from './hash32.ts';

const PERCENT = 0x25;
const DOT = 0x2e;
const COLON = 0x3a;

/** The groups of the address being read. One for all, so that nothing is allocated. */
const groups = new Uint16Array(8);

/** An integer of 32 bits. Takes any text; what is no address has a hash too, the same for the same text. */
export function clientHash(address: string): number {
  return address.includes(':') ? hashIPv6(address) : mix(dottedNumber(address));
}

function dottedNumber(address: string): number {
  let word = 0;
  let part = 0;
  for (let i = 0; i < address.length; i++) {
    const code = address.charCodeAt(i);
    if (code === DOT) {
      word = (word << 8) | part;
      part = 0;
    } else {
      part = Math.imul(part, 10) + (code & 0x0f);
    }
  }
  return (word << 8) | part;
}

function hashIPv6(address: string): number {
  let count = 0;
  /** Index of the first group that `::` stands for. */
  let gap = -1;
  let group = 0;
  let started = 0;
  let i = 0;
  for (; i < address.length; i++) {
    const code = address.charCodeAt(i);
    // A zone index says which way to go on this machine, not who is there.
    if (code === PERCENT || code === DOT) break;
    if (code !== COLON) {
      group = (group << 4) | ((code & 0x0f) + (code > COLON ? 9 : 0));
    } else {
      if (i > started) groups[count++] = group;
      else if (i > 0) gap = count;
      group = 0;
      started = i + 1;
    }
  }
  if (i < address.length && address.charCodeAt(i) === DOT) {
    const word = dottedNumber(address.slice(started));
    groups[count++] = word >>> 16;
    groups[count++] = word;
  } else if (i > started) {
    groups[count++] = group;
  }
  if (gap === -1) gap = count;
  const high = (groupAt(0, gap, count) << 16) | groupAt(1, gap, count);
  const low = (groupAt(2, gap, count) << 16) | groupAt(3, gap, count);
  // ::ffff:1.2.3.4 is the IPv4 address, in whichever notation.
  if (high === 0 && low === 0 && groupAt(4, gap, count) === 0 && groupAt(5, gap, count) === 0xffff) {
    return mix((groupAt(6, gap, count) << 16) | groupAt(7, gap, count));
  }
  // A constant sets it off from the IPv4 address of the same bits.
  return mix(mix(high ^ 0x5bd1e995) ^ low);
}

/** A group of the whole address, when `count` were written and the missing ones stand at `gap`. */
function groupAt(index: number, gap: number, count: number): number {
  if (index < gap) return groups[index]!;
  const missing = Math.max(8 - count, 0);
  return index < gap + missing ? 0 : groups[index - missing]!;
}
