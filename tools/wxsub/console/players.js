// Who allows something; and the way to one player.
import { page } from './api.js';
import { empty, h, table } from './dom.js';
import { count, t } from './text.js';

const LIMIT = 50;
const chosen = { template: '', min: 1 };

export async function players(view, { signal }) {
  const search = h('input', { type: 'search', id: 'search', placeholder: t('searchPlayer'), 'aria-label': t('searchPlayer'), autocomplete: 'off', spellcheck: 'false', maxlength: 128 });
  const go = (event) => {
    event.preventDefault();
    if (search.value.trim()) location.hash = `#/player/${encodeURIComponent(search.value.trim())}`;
  };
  const template = h('input', { id: 'of-template', value: chosen.template, placeholder: t('anyTemplate'), maxlength: 128, onchange: () => ((chosen.template = template.value.trim()), draw([])) });
  const min = h('input', { id: 'min', type: 'number', min: 1, value: chosen.min, onchange: () => ((chosen.min = Math.max(1, Math.floor(+min.value) || 1)), draw([])) });
  const body = h('div');
  view.append(
    h('h1', t('players')),
    h('form.row', { onsubmit: go }, search, h('button.primary', { type: 'submit' }, t('open'))),
    h('h2', t('whoAllows')),
    h('div.row', h('label.field', t('template'), template), h('label.field', t('atLeast'), min)),
    h('p'),
    body,
  );
  const draw = async (before) => {
    const after = before[before.length - 1];
    const reply = await page('players', 'players', { limit: LIMIT, min: chosen.min, template_id: chosen.template, after });
    if (!signal.aborted) show(body, reply, before, draw);
  };
  const failed = (error) => body.replaceChildren(h('div.verdict.bad', error.message));
  const careful = (before) => draw(before).catch(failed);
  draw.again = careful;
  await draw([]);
}

function show(body, reply, before, draw) {
  const columns = [
    { key: 'openid', title: t('player'), show: (id) => h('a.mono', { href: `#/player/${encodeURIComponent(id)}` }, id) },
    { key: 'template_id', title: t('template'), show: (id) => h('code', id) },
    { key: 'count', title: t('count'), num: true, show: count },
  ];
  const more = reply.next !== null && reply.next !== undefined;
  body.replaceChildren(
    reply.players.length ? table(columns, reply.players, { id: 'players' }) : empty(more ? t('lookFurther') : t('nobody')),
    h(
      'div.row',
      h('button', { id: 'back', disabled: !before.length, onclick: () => draw.again(before.slice(0, -1)) }, t('back')),
      h('button', { id: 'next', disabled: !more, onclick: () => draw.again([...before, reply.next]) }, t('next')),
      h('span.soft.small', t('page', before.length + 1)),
    ),
  );
}
