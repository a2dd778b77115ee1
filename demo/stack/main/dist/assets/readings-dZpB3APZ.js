const readings = [
  { id: 'moon', title: 'The Moon', text: 'What is half lit asks for patience, not for a decision.' },
  { id: 'lantern', title: 'The Lantern', text: 'A small light carried steadily goes further than a large one left behind.' },
  { id: 'river', title: 'The River', text: 'Go around the stone. The sea does not ask which way you came.' },
  { id: 'gate', title: 'The Gate', text: 'Somebody decides who passes. Today it is you.' },
];

export function render(main, id) {
  const one = readings.find((reading) => reading.id === id);
  main.innerHTML = one
    ? `<p class="kicker">A deep link</p><h1>${one.title}</h1><p class="lead">${one.text}</p>
<div class="card"><p>Reload this page: the address is no file, so the gateway answers the navigation with <code>index.html</code>,
and the application finds its way from there. A missing asset gets 404 instead.</p></div>
<p><a href="/readings">All readings</a></p>`
    : `<p class="kicker">Readings</p><h1>Four cards to begin with</h1><div class="cards">${readings
        .map(({ id, title, text }) => `<a class="card" href="/readings/${id}"><h2>${title}</h2><p>${text}</p></a>`)
        .join('')}</div>`;
}
