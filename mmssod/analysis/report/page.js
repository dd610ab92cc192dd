(() => {
  'use strict';
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const filter = document.getElementById('class-filter');

  // A color for each class, far from those of its neighbors in the list.
  const names = [...filter.options].map((option) => option.value).filter((name) => name !== '');
  const classColor = (name) => `hsl(${(names.indexOf(name) * 137.5) % 360} 90% 62%)`;
  all('.box').forEach((node) => node.style.setProperty('--class', classColor(node.dataset.class)));

  // How many boxes of each kind are drawn on a picture.
  const countBoxes = (gallery) => {
    const words = JSON.parse(gallery.dataset.words);
    all('.counts', gallery).forEach((counts) => {
      const boxes = all('.box', counts.parentElement);
      const parts = Object.keys(words)
        .filter((layer) => !gallery.classList.contains(`hide-${layer}`) && boxes.some((box) => box.dataset.layer === layer))
        .map((layer) => `${boxes.filter((box) => box.dataset.layer === layer && !box.hasAttribute('hidden')).length} ${words[layer]}`);
      counts.textContent = parts.join(', ');
    });
  };

  // What is of all classes says so while one is chosen: marked parts, and charts without a line of a class.
  const ofClasses = (chart) => chart.querySelector('[data-class]:not([data-class=""])');
  const charts = all('.chart').filter((chart) => !ofClasses(chart)).map((chart) => chart.querySelector('figcaption'));
  const marks = [...all('[data-all]'), ...charts].map((node) => {
    const mark = document.createElement('span');
    mark.className = 'tag of-all';
    mark.textContent = 'all classes';
    node.append(' ', mark);
    return mark;
  });

  // One class: rows, lines and boxes of the others fade or go, and so do pictures that show none of it. Boxes of a
  // layer that is switched off are not shown.
  const showClass = () => {
    const wanted = filter.value;
    document.getElementById('filter-note').hidden = wanted === '';
    marks.forEach((mark) => { mark.hidden = wanted === ''; });
    const other = (node) => wanted !== '' && node.dataset.class !== '' && node.dataset.class !== wanted;
    all('.chart [data-class], tr[data-class]').forEach((node) => node.classList.toggle('faded', other(node)));
    all('.chart [data-extra]').forEach((node) => node.toggleAttribute('hidden', node.dataset.class !== wanted));
    all('.box').forEach((node) => node.toggleAttribute('hidden', other(node)));
    all('.gallery').forEach((gallery) => {
      const figures = all('figure', gallery);
      const shows = (box) => box.dataset.class === wanted && !gallery.classList.contains(`hide-${box.dataset.layer}`);
      figures.forEach((figure) => { figure.hidden = wanted !== '' && !all('.box', figure).some(shows); });
      countBoxes(gallery);
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
    all('input:not([data-colors])', tools).forEach((input) => {
      apply(input);
      input.addEventListener('change', () => { apply(input); showClass(); });
    });
    // Colors of boxes by class instead of by kind, with their names.
    const colors = tools.querySelector('[data-colors]');
    const keys = document.querySelector(`[data-keys="${gallery.id}"]`);
    const there = new Set(all('.box', gallery).map((box) => box.dataset.class));
    names.filter((name) => there.has(name)).forEach((name) => {
      const key = document.createElement('i');
      key.style.background = classColor(name);
      keys.append(key, name);
    });
    colors.addEventListener('change', () => {
      gallery.classList.toggle('by-class', colors.checked);
      keys.hidden = !colors.checked;
    });
    // Order of pictures.
    const order = tools.querySelector('[data-order]');
    const asFound = all('figure', gallery);
    if (order) {
      order.addEventListener('change', () => {
        const sorted = [...asFound];
        if (order.value) sorted.sort((one, other) => other.dataset.uncertainty - one.dataset.uncertainty);
        gallery.append(...sorted);
      });
    }
  });

  // Large pictures.
  const dialog = document.getElementById('large');
  const body = document.getElementById('large-body');
  const open = (figure) => {
    const copy = figure.cloneNode(true);
    // There is room for names, whether the small pictures have them or not.
    const layers = [...figure.parentElement.classList]
      .filter((name) => name === 'by-class' || (name.startsWith('hide-') && name !== 'hide-tags'));
    body.className = layers.join(' ');
    // The copies of a picture get names of their own.
    all('image[id]', copy).forEach((image) => { image.id = `large-${image.id}`; });
    all('use', copy).forEach((use) => { use.setAttribute('href', `#large-${use.getAttribute('href').slice(1)}`); });
    body.replaceChildren(...copy.childNodes);
    dialog.showModal();
  };
  all('.gallery figure').forEach((figure) => {
    figure.addEventListener('click', (event) => { if (!event.target.closest('a')) open(figure); });
    figure.addEventListener('keydown', (event) => {
      if (event.target === figure && (event.key === 'Enter' || event.key === ' ')) {
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
