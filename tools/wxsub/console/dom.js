// Elements, without a framework: every text goes in as text, never as HTML.

/** h('td.num', { title }, 'text', element, [more]) */
export function h(name, ...content) {
  const [tag, ...classes] = name.split('.');
  const made = document.createElement(tag || 'div');
  if (classes.length) made.className = classes.join(' ');
  for (const one of content.flat(Infinity)) {
    if (one === null || one === undefined || one === false) continue;
    if (typeof one === 'object' && !(one instanceof Node)) attributes(made, one);
    else made.append(one);
  }
  return made;
}

function attributes(element, values) {
  for (const [key, value] of Object.entries(values)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (key === 'class') element.className += ` ${value}`;
    else if (key in element && typeof value === 'boolean') element[key] = value;
    else element.setAttribute(key, value);
  }
}

export function table(columns, rows, more = {}) {
  const cell = (column, row) => {
    const shown = column.show ? column.show(row[column.key], row) : row[column.key];
    const kind = [column.num && 'num', column.tight && 'tight', column.wide && 'wide', column.kind, column.num && !row[column.key] && 'zero'].filter(Boolean);
    return h(['td', ...kind].join('.'), shown === undefined || shown === null ? '' : shown instanceof Node || Array.isArray(shown) ? shown : String(shown));
  };
  const head = columns.map((column) => h(['th', column.num && 'num', column.wide && 'wide'].filter(Boolean).join('.'), column.title));
  return h('div.scroll', h('table', more, h('thead', h('tr', head)), h('tbody', rows.map((row) => h('tr', columns.map((column) => cell(column, row)))))));
}

export const empty = (text) => h('div.empty', text);

let timer;
export function toast(text) {
  const box = document.getElementById('toast');
  box.textContent = text;
  box.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(() => (box.hidden = true), 6000);
}

/** A dialog that must be confirmed; resolves to whether it was. */
export function confirmed(title, text, yes, no, danger = true) {
  return new Promise((resolve) => {
    const box = h(
      'dialog',
      h('h2', title),
      h('p', text),
      h('div.row', h('button', { onclick: () => box.close(), autofocus: true }, no), h(danger ? 'button.danger' : 'button.primary', { 'data-yes': '', onclick: () => box.close('yes') }, yes)),
    );
    box.addEventListener('close', () => {
      resolve(box.returnValue === 'yes');
      box.remove();
    });
    document.body.append(box);
    box.showModal();
  });
}
