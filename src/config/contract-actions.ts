// What an operator may write as the action of a route. Types and doc comments only.

/** How a route ends: exactly one of these. */
export interface ActionConfig {
  /** Forward to an upstream, by name or with options; or to several, by percentage. */
  proxy?: string | ProxyConfig;
  /** Serve a single-page application, from a folder or from a container that serves it. */
  spa?: SpaConfig;
  /** Serve the files of a folder, without a fallback document. */
  files?: FilesConfig;
  /** Send the client somewhere else. */
  redirect?: string | RedirectConfig;
  /** Answer with fixed content. */
  respond?: RespondConfig;
}

/** Exactly one of `upstream` and `split`. */
export interface ProxyConfig {
  /** Name of the upstream. */
  upstream?: string;
  /**
   * Upstreams with their share in whole percent, 100 together: `{ api: 90, 'api-next': 10 }`. A share of 0 is only
   * reached by `override`.
   */
  split?: Record<string, number>;
  /**
   * What is drawn: `'client'` keeps a client on its side, `'exchange'` draws each time. Only with `split`.
   * @default 'client'
   */
  by?: 'client' | 'exchange';
  /** Header, cookie or both, whose value names an upstream of `split` and wins over the shares. @default none */
  override?: { header?: string; cookie?: string };
  /** Path prefix (whole segments) removed before forwarding: `'/api'` turns `/api/x` into `/x`. */
  stripPrefix?: string;
  /** Path prefix put in front before forwarding, after `stripPrefix`. */
  addPrefix?: string;
  /**
   * `Host` sent to the replica: `'keep'` passes the client's, `'replica'` sends the replica's own name,
   * anything else is sent as it stands.
   * @default 'keep'
   */
  hostHeader?: string;
  /**
   * Protocols a client may ask to switch to (`Upgrade`), if the replica agrees; `false` for none.
   * @default ['websocket']
   */
  upgrade?: string[] | false;
}

/** Exactly one of `root` and `upstream`. */
export interface SpaConfig {
  /** Folder with the build, relative to the config file. It is read once, when the gateway starts. */
  root?: string;
  /** Upstream whose container serves the build; fallback and caching rules are applied to its answers. */
  upstream?: string;
  /**
   * Document that answers navigations.
   * @default 'index.html'
   */
  index?: string;
  /**
   * Path patterns below the route whose files never change under the same name, besides those whose names
   * carry a content hash: `['/static/*']`.
   * @default []
   */
  immutable?: string[];
  /**
   * Serve source maps (`*.map`).
   * @default false
   */
  sourceMaps?: boolean;
}

export interface FilesConfig {
  /** Folder, relative to the config file. It is read once, when the gateway starts. */
  root: string;
  /**
   * File that answers for a folder; `false` answers 404.
   * @default 'index.html'
   */
  index?: string | false;
  /** As `spa.immutable`. @default [] */
  immutable?: string[];
  /** Serve source maps (`*.map`). @default false */
  sourceMaps?: boolean;
}

export interface RedirectConfig {
  /**
   * Where to: a path on the same host (`'/docs/'`) or a full URL. A target that ends in `/*` keeps what the
   * pattern's `*` matched: `'/old/*'` to `'/new/*'`.
   */
  to: string;
  /** @default 308 */
  status?: 301 | 302 | 303 | 307 | 308;
  /** Keep the query string of the request. @default true */
  keepQuery?: boolean;
}

export interface RespondConfig {
  /** @default 200 */
  status?: number;
  /** Text sent as the body. @default '' */
  body?: string;
  /** `content-type` is `text/plain; charset=utf-8` unless set here. */
  headers?: Record<string, string>;
}
