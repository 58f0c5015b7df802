// WeChat's dialog: which messages, "always keep this choice", cancel or allow.
import { t } from './text.js';
import { make } from './wechat.js';

const sheet = document.getElementById('sheet');
const shade = document.getElementById('shade');

/** Resolves to {answers: {ID: 'accept' | 'reject'}, keep}. */
export function showDialog({ items, system }) {
  return new Promise((resolve) => {
    const boxes = items.map(({ id }) => make('input', { type: 'checkbox', value: id, checked: true }));
    const keep = make('input', { type: 'checkbox', id: 'keep' });
    const allow = make('button', { class: 'allow', onclick: () => end(true) }, t('allow'));
    const end = (allowed) => {
      const answers = Object.fromEntries(boxes.map((box) => [box.value, allowed && box.checked ? 'accept' : 'reject']));
      hide();
      resolve({ answers, keep: keep.checked });
    };
    const update = () => {
      allow.disabled = !boxes.some((box) => box.checked);
    };
    boxes.forEach((box) => box.addEventListener('change', update));

    sheet.replaceChildren(
      make('div', { class: 'sheet-head' }, make('i', { class: 'avatar game-avatar' }), make('b', {}, t('game')), make('span', {}, t('asks'))),
      make('p', { class: 'sheet-title', id: 'sheet-title' }, t(system ? 'sendAlways' : 'sendOnce')),
      make(
        'div',
        { class: 'sheet-list' },
        ...items.map(({ id, title }, i) => make('label', {}, boxes[i], make('i', { class: 'check' }), make('span', {}, system ? t(id) : title))),
      ),
      make('label', { class: 'sheet-keep' }, keep, make('i', { class: 'box' }), make('span', {}, t('keep'))),
      make('div', { class: 'sheet-buttons' }, make('button', { class: 'cancel', onclick: () => end(false) }, t('cancel')), allow),
    );
    sheet.setAttribute('aria-labelledby', 'sheet-title');
    sheet.hidden = shade.hidden = false;
    sheet.focus({ preventScroll: true });
  });
}

function hide() {
  sheet.hidden = shade.hidden = true;
  sheet.replaceChildren();
}
