(() => {
  'use strict';
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const filter = document.getElementById('class-filter');

  // One class: rows, lines and boxes of the others fade or go, and so do pictures that show none of it. Boxes of a
  // layer that is switched off are not shown.
  const showClass = () => {
    const wanted = filter.value;
    const other = (node) => wanted !== '' && node.dataset.class !== '' && node.dataset.class !== wanted;
    all('.chart [data-class], tr[data-class]').forEach((node) => node.classList.toggle('faded', other(node)));
    all('.chart [data-extra]').forEach((node) => node.toggleAttribute('hidden', node.dataset.class !== wanted));
    all('.box').forEach((node) => node.toggleAttribute('hidden', other(node)));
    all('.gallery').forEach((gallery) => {
      const figures = all('figure', gallery);
      const shows = (box) => box.dataset.class === wanted && !gallery.classList.contains(`hide-${box.dataset.layer}`);
      figures.forEach((figure) => { figure.hidden = wanted !== '' && !all('.box', figure).some(shows); });
      const shown = figures.filter((figure) => !figure.hidden).length;
      document.querySelector(`[data-for="${gallery.id}"] .count`).textContent = `${shown} of ${figures.length} pictures`;
    });
  };
  filter.addEventListener('change', showClass);

  // Layers of boxes.
  all('.gallery-tools').forEach((tools) => {
    const gallery = document.getElementById(tools.dataset.for);
    const apply = (input) => {
      const name = input.hasAttribute('data-tags') ? 'tags' : input.dataset.layer;
      gallery.classList.toggle(`hide-${name}`, !input.checked);
    };
    all('input', tools).forEach((input) => {
      apply(input);
      input.addEventListener('change', () => { apply(input); showClass(); });
    });
  });

  // Large pictures.
  const dialog = document.getElementById('large');
  const body = document.getElementById('large-body');
  const open = (figure) => {
    const copy = figure.cloneNode(true);
    // There is room for names, whether the small pictures have them or not.
    const layers = [...figure.parentElement.classList].filter((name) => name.startsWith('hide-') && name !== 'hide-tags');
    body.className = layers.join(' ');
    // The copies of a picture get names of their own.
    all('image[id]', copy).forEach((image) => { image.id = `large-${image.id}`; });
    all('use', copy).forEach((use) => { use.setAttribute('href', `#large-${use.getAttribute('href').slice(1)}`); });
    body.replaceChildren(...copy.childNodes);
    dialog.showModal();
  };
  all('.gallery figure').forEach((figure) => {
    figure.addEventListener('click', () => open(figure));
    figure.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' || event.key === ' ') {
        event.preventDefault();
        open(figure);
      }
    });
  });
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });

  // Colors: as the system has them, light, dark.
  const theme = document.getElementById('theme');
  const themes = ['system', 'light', 'dark'];
  theme.addEventListener('click', () => {
    const now = document.documentElement.dataset.theme || 'system';
    const next = themes[(themes.indexOf(now) + 1) % themes.length];
    if (next === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    theme.textContent = `Colors: ${next}`;
    theme.setAttribute('aria-label', `Colors: ${next === 'system' ? 'as the system' : next}`);
  });

  showClass();
})();
