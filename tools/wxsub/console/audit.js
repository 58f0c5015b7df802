// What operators did to the ledger.
import { page } from './api.js';
import { empty, h, table, toast } from './dom.js';
import { t, timeText } from './text.js';

export async function audit(view, { signal }) {
  const body = h('div');
  view.append(h('h1', t('audit')), h('p.soft', t('aboutAudit')), body);
  const draw = async (before) => {
    const reply = await page('audit', 'audit', { limit: 50, after: before[before.length - 1] });
    if (!signal.aborted) show(body, reply, before, (next) => draw(next).catch((error) => toast(error.message)));
  };
  await draw([]);
}

function show(body, reply, before, draw) {
  const columns = [
    { key: 'at_ms', title: t('at'), tight: true, show: timeText },
    { key: 'do', title: t('action'), show: (what) => h('code', what) },
    { key: 'detail', title: t('detail'), kind: 'text', show: (detail) => (typeof detail === 'string' ? detail : detail ? JSON.stringify(detail) : '') },
  ];
  const more = reply.next !== null && reply.next !== undefined;
  body.replaceChildren(
    reply.audit.length ? table(columns, reply.audit, { id: 'audit' }) : empty(t('noAudit')),
    before.length || more
      ? h(
          'div.row',
          h('button', { id: 'back', disabled: !before.length, onclick: () => draw(before.slice(0, -1)) }, t('back')),
          h('button', { id: 'next', disabled: !more, onclick: () => draw([...before, reply.next]) }, t('next')),
        )
      : '',
  );
}
