// Tells a file name that carries a content hash from one that does not, by the path alone. A wrong "yes" keeps an old
// file in browsers for a year, a wrong "no" costs a conditional request for each use: doubt means no.
//
// Build tools put the hash at the end of the name, after `-` or `.` (`app-BxY3k_9Z.js`, `main.8d0fa1b2.js`), make it
// the whole name (`8d0fa1b2c3.chunk.css`), or put a fixed suffix behind it (`.chunk`, `.min`, `_bg`, `-s.p`):
//   hex, 8 digits and more    webpack, CRA, Next, Parcel, Rspack, Vite 2 and 3, Rails, Django, Phoenix, Hugo, Trunk
//   base64url, 8 characters   Vite 4 and later, Rollup, Rolldown, SvelteKit, Nuxt, Astro
//   base32 A-Z 2-7, 8         esbuild, and Angular and Remix through it
//   base36 a-z 0-9, 8 to 12   Bun, Rollup with `hashCharacters: 'base36'`, .NET fingerprints
// Words look otherwise: they change seldom between letters, digits and cases, and their letters follow each other as
// in words. Of random hashes the rules find, by simulation: Vite 98 %, hex 90 to 100 %, esbuild 85 to 100 %.

/** True where the last segment of `path` carries a content hash as build tools write it. */
export function carriesContentHash(path: string): boolean {
  if (TOOL_FOLDER.test(path)) return true;
  const slash = path.lastIndexOf('/');
  const name = path.slice(slash + 1);
  const dot = name.lastIndexOf('.');
  if (dot <= 0 || name.length > 255) return false;
  const stem = name.slice(0, dot).replace(FIXED_SUFFIX, '');
  // A UUID names a thing, and the thing may change.
  if (UUID.test(stem)) return false;
  const token = LAST_TOKEN.exec(stem)?.[0] ?? '';
  const before = stem[stem.length - token.length - 1];
  const apart = before === '-' || before === '.';
  if ((apart || before === undefined) && isHexHash(token)) return true;
  if (apart && isBase36Hash(token)) return true;
  // A name that is nothing but eight characters may be a word of any language, `HiFi2MM1.conf`: Nuxt's are not.
  if (stem.length === 8 && !path.includes('/_nuxt/')) return false;
  return isEightHash(stem, VITE_ASSET.test(path) ? 2 : 3) || isBeforeTransform(stem);
}

// Folders whose files never change, by contract of the tool that writes them.
const TOOL_FOLDER = /\/(?:_next\/static|_app\/immutable|_astro)\//;
// Vite puts its chunks there and nowhere deeper, so that less proof is enough.
const VITE_ASSET = /\/assets\/[^/]+-[A-Za-z0-9_-]{8}\.(?:js|mjs|css)$/;
const FIXED_SUFFIX =
  /(?:(?:\.(?:chunk|min|bundle|module|worker|async|legacy|esm|mjs|umd|modern|prod))+|_bg|-s(?:\.p)?)$/;
const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const LAST_TOKEN = /[A-Za-z0-9]*$/;

/** Lower-case hex as long as tools cut digests: even, and not 24, which is an object id of MongoDB. */
function isHexHash(token: string): boolean {
  if (!/^[0-9a-f]{8,128}$/.test(token) || token.length % 2 === 1 || token.length === 24) return false;
  // `20240115`, `face2024`: a date or a word with a number changes once at most.
  return changes(token) >= (token.length >= 16 ? 1 : 2);
}

function isBase36Hash(token: string): boolean {
  if (!/^[0-9a-z]{8,12}$/.test(token)) return false;
  const letters = token.replace(/[0-9]/g, '');
  // `1920x1080p60` changes as often as a hash does, but knows few letters.
  if (new Set(letters).size < 3) return false;
  return changes(token) >= 3 || (changes(token) >= 2 && rarePairs(token) >= 3);
}

/**
 * The last eight characters, because `-` and `_` are digits of base64url and hide where the hash starts. Split as
 * camel case is read, `CiOctGuC` falls into Ci-Oct-Gu-C; pieces beyond the first and rare letter pairs add up to
 * the proof. Separators inside take from it again: `en-US-v2` is made of words.
 */
function isEightHash(stem: string, proof: number): boolean {
  const start = stem.length - 8;
  const before = stem[start - 1];
  if (start > 0 && before !== '-' && before !== '.') return false;
  const eight = stem.slice(start);
  if (/^[A-Z2-7]{8}$/.test(eight)) return isBase32Hash(eight, stem.slice(0, Math.max(0, start - 1)));
  if (!/^[A-Za-z0-9_-]{8}$/.test(eight) || !/[A-Z]/.test(eight) || !/[a-z0-9]/.test(eight)) return false;
  const pieces = eight.match(PIECES) ?? [];
  const separators = eight.match(/[-_]/g)?.length ?? 0;
  let score = pieces.length - 1 - separators;
  for (const piece of pieces) score += rarePairs(piece);
  return score >= proof;
}

const PIECES = /[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+/g;

/** What esbuild and Angular call their own output; behind these names eight capitals are a hash, not a word. */
const ESBUILD_NAME = /^(?:chunk|main|polyfills|styles|scripts|index|worker|entry|root)(?:[-.].*)?$/;

function isBase32Hash(eight: string, before: string): boolean {
  return ESBUILD_NAME.test(before) || changes(eight) + rarePairs(eight) >= 3;
}

/** Astro's images outside its own folder: hash, `_`, short hash of the transformation: `hero.DZNqQOfz_Z1yNkq`. */
function isBeforeTransform(stem: string): boolean {
  const match = /[.]([A-Za-z0-9_-]{8})_[A-Za-z0-9]{4,8}$/.exec(stem);
  return match !== null && isEightHash(match[1]!, 3);
}

/** Changes between letters and digits. */
function changes(token: string): number {
  let count = 0;
  for (let i = 1; i < token.length; i++) {
    if (isDigit(token.charCodeAt(i)) !== isDigit(token.charCodeAt(i - 1))) count++;
  }
  return count;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** Neighbouring letters that hardly ever follow each other in words, names and abbreviations of file names. */
function rarePairs(token: string): number {
  const lower = token.toLowerCase();
  let count = 0;
  for (let i = 1; i < lower.length; i++) {
    if (RARE_AFTER[lower.charCodeAt(i - 1) - 97]?.includes(lower[i]!)) count++;
  }
  return count;
}

// For each letter from a to z those that follow it in fewer than 4 of 10,000 pairs, counted over the 67,000 distinct
// words in the names of npm packages and of the files of a Debian system.
const RARE_AFTER =
  `joq dfghkmnpqvwxz bfgjnqvwxz hjknqvwxz z bcdghjkmnpqvwxz bdfjkqtvwxyz bcdfghjklmnpqsvwxz hijqwy
  bcdfghjklmnpqrtvwxyz bcdfghjkmnpqvwxz ghjnqrwxz fghjknqrvwxz hqwxz hqz bfgjknqvwxz abcdefghijkmnopqrstvwxyz
  hjqwxz jxz gknqvxz hjkoquvwyz bcdfghjklmnpqrstvwxyz bcdfgjklmpqtuvwxyz abcdfghjklnoqrsuvwxyz dfghijkqruvwxyz
  bcdfghjklmnpqrstuvwxyz`.split(/\s+/);
