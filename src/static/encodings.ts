// Which content coding answers a client: RFC 9110 section 12.5.3. It knows header values and nothing of bodies.

/** Codings the gateway can produce. */
export type Encoding = 'zstd' | 'br' | 'gzip';

/** What exists of a representation besides its plain bytes: anything truthy under the name of a coding. */
export interface AvailableEncodings {
  readonly zstd: unknown;
  readonly br: unknown;
  readonly gzip: unknown;
}

/** For bodies that are compressed on the way: every coding can be made. */
export const ALL_ENCODINGS: AvailableEncodings = { zstd: true, br: true, gzip: true };

/** Weights in thousandths; -1 where the field does not name the coding. */
interface Weights {
  readonly zstd: number;
  readonly br: number;
  readonly gzip: number;
  readonly identity: number;
}

/**
 * The coding to answer with. The client's weights decide, `preference` (the gateway's order) breaks ties and leaves
 * out what it does not name. `identity` wins only if the client weighs it above every coding there is; unnamed it
 * comes last. `null` means that the client refuses everything on offer, plain bytes included (`identity;q=0` or
 * `*;q=0`): the caller may answer 406 or, as the RFC allows, send plain bytes all the same.
 *
 * No field at all gives `identity`: any coding would be allowed (section 12.5.3), but clients that send no field
 * rarely decode. The caller adds `Vary: Accept-Encoding` whenever more than one answer was possible.
 */
export function chooseEncoding(
  header: string | undefined,
  available: AvailableEncodings,
  preference: readonly Encoding[],
): Encoding | 'identity' | null {
  if (header === undefined) return 'identity';
  const weights = weightsOf(header);
  let best: Encoding | 'identity' | null = null;
  let weight = 0;
  for (let i = 0; i < preference.length; i++) {
    const encoding = preference[i]!;
    if (weights[encoding] > weight && available[encoding]) {
      best = encoding;
      weight = weights[encoding];
    }
  }
  if (best === null) return weights.identity === 0 ? null : 'identity';
  return weights.identity > weight ? 'identity' : best;
}

// Few distinct values exist among real clients. A hostile one can fill the map, never grow it: values that are
// longer than any browser's are not kept, and a full map is emptied.
const KNOWN_LIMIT = 128;
const KNOWN_LENGTH = 128;
const known = new Map<string, Weights>();

function weightsOf(header: string): Weights {
  const found = known.get(header);
  if (found !== undefined) return found;
  const weights = parseAcceptEncoding(header);
  if (header.length <= KNOWN_LENGTH) {
    if (known.size >= KNOWN_LIMIT) known.clear();
    known.set(header, weights);
  }
  return weights;
}

/**
 * Reads a field value in one pass. Names are case-insensitive, `x-gzip` is `gzip` (section 8.4.1.3), the first
 * mention of a coding counts, and an element whose weight is not a qvalue refuses its coding.
 */
function parseAcceptEncoding(header: string): Weights {
  const weights = { zstd: -1, br: -1, gzip: -1, identity: -1 };
  let star = -1;
  for (let from = 0; from <= header.length; ) {
    const comma = header.indexOf(',', from);
    const to = comma === -1 ? header.length : comma;
    const at = skipBlanks(header, from, to);
    from = to + 1;
    // Most of a hostile list is thrown away here, before anything is copied.
    if (!INITIALS.includes(header[at] ?? ' ')) continue;
    const element = header.slice(at, to).toLowerCase();
    const semicolon = element.indexOf(';');
    const name = (semicolon === -1 ? element : element.slice(0, semicolon)).trim();
    const coding = name === 'x-gzip' ? 'gzip' : name;
    if (coding === '*') {
      if (star === -1) star = weightIn(element, semicolon);
    } else if (coding === 'zstd' || coding === 'br' || coding === 'gzip' || coding === 'identity') {
      if (weights[coding] === -1) weights[coding] = weightIn(element, semicolon);
    }
  }
  if (star !== -1) {
    if (weights.zstd === -1) weights.zstd = star;
    if (weights.br === -1) weights.br = star;
    if (weights.gzip === -1) weights.gzip = star;
    // `*` says nothing for plain bytes unless it refuses them.
    if (weights.identity === -1 && star === 0) weights.identity = 0;
  }
  return weights;
}

/** First letters of what is understood: br, gzip, identity, x-gzip, zstd and the star. */
const INITIALS = 'bgixzBGIXZ*';

function skipBlanks(text: string, from: number, to: number): number {
  let at = from;
  while (at < to && (text.charCodeAt(at) === 32 || text.charCodeAt(at) === 9)) at++;
  return at;
}

/** The `q` parameter of one element in thousandths: 1000 without one, 0 if it is not a qvalue (section 12.4.2). */
function weightIn(element: string, semicolon: number): number {
  if (semicolon === -1) return 1000;
  for (const parameter of element.slice(semicolon + 1).split(';')) {
    const text = parameter.trim();
    if (!text.startsWith('q')) continue;
    const equals = text.indexOf('=');
    if (equals === -1 || text.slice(0, equals).trim() !== 'q') continue;
    const value = text.slice(equals + 1).trim();
    if (value.length > 5 || !/^(?:0(?:\.\d*)?|1(?:\.0*)?)$/.test(value)) return 0;
    return Math.round(Number(value) * 1000);
  }
  return 1000;
}
