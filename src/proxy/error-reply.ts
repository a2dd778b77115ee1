// The body of an error: a small page for browsers, JSON for everybody else. It says what the table in
// `errors.ts` says and nothing about this machine, the replicas or the request.
import { ERRORS, type ErrorCode } from '../errors.ts';

export interface ErrorBody {
  readonly type: string;
  readonly text: string;
}

const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function render(code: ErrorCode): { html: ErrorBody; json: ErrorBody } {
  const { status, message, retry } = ERRORS[code];
  const advice = retry ? 'Please try again in a moment.' : '';
  const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>${status}</title>
<main>
<h1>${status}</h1>
<p>${escapeHtml(message)}</p>${advice === '' ? '' : `\n<p>${advice}</p>`}
<p><small>${code}</small></p>
</main>
</html>
`;
  const json = `${JSON.stringify({ error: { code, status, message, retry } })}\n`;
  return {
    html: { type: 'text/html; charset=utf-8', text: html },
    json: { type: 'application/json; charset=utf-8', text: json },
  };
}

const rendered = new Map<ErrorCode, { html: ErrorBody; json: ErrorBody }>();
for (const code of Object.keys(ERRORS) as ErrorCode[]) rendered.set(code, render(code));

/** The body for a code, as the client's `Accept` would have it. */
export function errorBody(code: ErrorCode, accept: string | undefined): ErrorBody {
  const bodies = rendered.get(code)!;
  return accept?.includes('text/html') === true ? bodies.html : bodies.json;
}
