const main = document.querySelector('main');

const orders = [
  { id: 1042, client: 'Camille R.', level: 'Initiated', due: 'today', late: true },
  { id: 1041, client: 'Noé B.', level: 'Mystic', due: 'tomorrow' },
  { id: 1039, client: 'Inès D.', level: 'Profound', due: 'Thursday' },
  { id: 1036, client: 'Louis M.', level: 'Initiated', due: 'Friday' },
];

function queue() {
  const rows = orders.map(
    ({ id, client, level, due, late }) => `<tr><td><a href="/orders/${id}">#${id}</a></td><td>${client}</td>
<td>${level}</td><td><mark class="${late ? 'late' : ''}">${due}</mark></td></tr>`,
  );
  main.innerHTML = `<h1>Readings to write</h1><p class="lead">Four clients are waiting.</p><div class="table"><table>
<tr><th>Order</th><th>Client</th><th>Level</th><th>Due</th></tr>${rows.join('')}</table></div><p class="status" role="status"></p>`;
  api(main.querySelector('.status'));
}

function order(id) {
  const found = orders.find((one) => String(one.id) === id);
  main.innerHTML = found
    ? `<h1>Order #${found.id}</h1><p class="lead">${found.client}, level ${found.level}, due ${found.due}.</p>
<p>A deep link: reload this page and it is still here.</p><p><a href="/">Back to the queue</a></p>`
    : '<h1>No such page</h1><p class="lead">The desk does not know this address.</p><p><a href="/">Back to the queue</a></p>';
}

/** Says whether this host has an API behind it, and who answered. */
async function api(place) {
  const response = await fetch('/api/whoami', { headers: { accept: 'application/json' } });
  const json = response.headers.get('content-type')?.includes('json') && response.ok;
  const { replica } = json ? await response.json() : {};
  place.textContent = replica ? `API: answered by ${replica}` : `API: no route on this host (${response.status})`;
}

function navigate(path) {
  const match = /^\/orders\/(\d+)$/.exec(path);
  if (path === '/') queue();
  else order(match?.[1]);
  for (const link of document.querySelectorAll('aside nav a')) {
    if (link.getAttribute('href') === path) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

document.addEventListener('click', (event) => {
  const link = event.target.closest('a[href^="/"]');
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  history.pushState(null, '', link.getAttribute('href'));
  navigate(location.pathname);
});
addEventListener('popstate', () => navigate(location.pathname));
navigate(location.pathname);
