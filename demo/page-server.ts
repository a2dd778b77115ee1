// A server-rendered page that names itself: the CRM of the sample stack, and the stand-in for any other
// upstream that is no API and no single-page application.

import type { IncomingMessage } from 'node:http';
import { escapeHtml, type Served, serve } from './serving.ts';

/** Starts the page called `name`; a CRM gets Dolibarr's look. */
export function startPage(name: string): Promise<Served> {
  const page = /crm|dolibarr/i.test(name) ? crmPage : plainPage;
  return serve(name, (req, res) => {
    req.resume();
    const body = page(name, req);
    res.writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'content-length': Buffer.byteLength(body),
      'x-powered-by': 'PHP/8.2.26',
      'x-replica': name,
    });
    res.end(req.method === 'HEAD' ? undefined : body);
  });
}

function requestTable(req: IncomingMessage): string {
  const rows = Object.entries({ request: `${req.method} ${req.url}`, ...req.headers }).map(
    ([name, value]) => `<tr><th>${escapeHtml(name)}</th><td>${escapeHtml(String(value))}</td></tr>`,
  );
  return `<table>${rows.join('')}</table>`;
}

function plainPage(name: string, req: IncomingMessage): string {
  const title = escapeHtml(name);
  return document(
    title,
    `main{max-width:46rem;margin:8vh auto;padding:0 1.25rem}h1{font-size:2rem;margin:0}`,
    `<main><h1>${title}</h1><p>This page stands in for an upstream that did not answer.
What reached it:</p>${requestTable(req)}</main>`,
  );
}

function crmPage(name: string, req: IncomingMessage): string {
  const figures = [
    ['Third parties', '128', 'customers and prospects'],
    ['Proposals', '14', 'open, 3 to be signed'],
    ['Invoices', '9', 'unpaid, 2 late'],
    ['Tickets', '5', 'waiting for an answer'],
  ];
  const boxes = figures.map(
    ([label, figure, note]) =>
      `<section><h2>${label}</h2><strong>${figure}</strong><small>${note}</small></section>`,
  );
  return document(
    'Dolibarr stand-in',
    CRM_STYLE,
    `<header><b>Dolibarr</b><nav><a href="/">Home</a><a href="/societe/index.php">Third parties</a>
<a href="/comm/propal/list.php">Commerce</a><a href="/compta/index.php">Billing</a></nav>
<span>${escapeHtml(name)}</span></header>
<main><h1>My dashboard</h1><p class="lead">Dolibarr stand-in: nothing here is a real CRM.</p>
<div class="boxes">${boxes.join('')}</div>
<h1>What reached this replica</h1>${requestTable(req)}</main>`,
  );
}

function document(title: string, style: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${BASE_STYLE}${style}</style>
</head>
<body>
${body}
</body>
</html>
`;
}

const BASE_STYLE = `:root{color-scheme:light dark;--ink:light-dark(#1d2733,#e4e9f0);--soft:light-dark(#5b6878,#9aa7b8);
--line:light-dark(#dde3ea,#2e3947);--card:light-dark(#fff,#1c2530);--page:light-dark(#f3f5f8,#131a22)}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
table{width:100%;border-collapse:collapse;background:var(--card);border:1px solid var(--line);border-radius:6px;
overflow:hidden;font-size:.875rem}th,td{text-align:left;padding:.45rem .8rem;border-top:1px solid var(--line);
vertical-align:top;overflow-wrap:anywhere}tr:first-child>*{border-top:0}th{width:13rem;color:var(--soft);font-weight:500}`;

const CRM_STYLE = `header{display:flex;flex-wrap:wrap;gap:.25rem 1.75rem;align-items:center;padding:.7rem 1.5rem;
background:#263c5c;color:#fff}header nav{display:flex;gap:1.25rem;flex:1}header a{color:#cfd9e8;text-decoration:none}
header a:hover{color:#fff}header span{font-size:.85rem;color:#cfd9e8}main{max-width:64rem;margin:0 auto;padding:1.5rem}
h1{font-size:1.15rem;margin:1.5rem 0 .5rem}.lead{margin:0 0 1rem;color:var(--soft)}
.boxes{display:grid;grid-template-columns:repeat(auto-fit,minmax(12rem,1fr));gap:1rem}
section{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:1rem}
section h2{margin:0;font-size:.9rem;font-weight:600;color:light-dark(#2c5c9a,#8db8f0)}
section strong{display:block;font-size:2rem;line-height:1.3}section small{color:var(--soft)}`;
