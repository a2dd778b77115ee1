// Path patterns in a trie by whole segments. `/api/*` matches `/api`, `/api/` and all below; `/api` matches
// itself alone. Exact beats prefix and the longer prefix beats the shorter, in whatever order they were added.

interface Node<T> {
  children: Map<string, Node<T>> | null;
  exact: T | undefined;
  prefix: T | undefined;
}

const newNode = <T>(): Node<T> => ({ children: null, exact: undefined, prefix: undefined });

export class PathTrie<T> {
  readonly #root: Node<T> = newNode();

  /** Adds a pattern in canonical spelling: `/docs`, `/docs/`, `/api/*`, `/*`. Throws on a pattern it holds. */
  add(pattern: string, value: T): void {
    const isPrefix = pattern.endsWith('/*');
    const path = isPrefix ? pattern.slice(0, -2) : pattern;
    let node = this.#root;
    if (path !== '') {
      for (const segment of path.slice(1).split('/')) {
        node.children ??= new Map();
        let child = node.children.get(segment);
        if (child === undefined) node.children.set(segment, (child = newNode<T>()));
        node = child;
      }
    }
    const slot = isPrefix ? 'prefix' : 'exact';
    if (node[slot] !== undefined) throw new Error(`pattern ${pattern} was added twice`);
    node[slot] = value;
  }

  /** The value of the most specific pattern that matches a canonical path. */
  match(path: string): T | undefined {
    let node: Node<T> | undefined = this.#root;
    let best = node.prefix;
    let from = 1;
    for (;;) {
      if (node.children === null) return best;
      const slash: number = path.indexOf('/', from);
      const last = slash === -1;
      node = node.children.get(last ? path.slice(from) : path.slice(from, slash));
      if (node === undefined) return best;
      if (node.prefix !== undefined) best = node.prefix;
      if (last) return node.exact ?? best;
      from = slash + 1;
    }
  }
}

/** Why a pattern does or does not match a path, in words. For `explain`; `match` decides. */
export function patternRelation(pattern: string, path: string): 'matches' | 'other path' | 'exact only' {
  if (pattern === path) return 'matches';
  if (!pattern.endsWith('/*')) return path.startsWith(`${pattern}/`) ? 'exact only' : 'other path';
  const prefix = pattern.slice(0, -2);
  return path === prefix || path.startsWith(`${prefix}/`) ? 'matches' : 'other path';
}
