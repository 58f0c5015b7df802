// The game's settings in WeChat: the main switch, and what "always keep this choice" was ticked for.
import { pushEvent } from './events.js';
import { t } from './text.js';
import { changed, make, openid, readSetting, sim } from './wechat.js';

const list = document.getElementById('setting-list');

export async function drawSettings() {
  const [{ mainSwitch, itemSettings }, templates] = await Promise.all([readSetting(), sim('templates')]);
  const titles = new Map(templates.map(({ priTmplId, title }) => [priTmplId, title]));
  const titleOf = (id) => titles.get(id) || t(id);
  const set = async (path, body) => {
    await sim(path, { openid, ...body });
    changed();
    await drawSettings();
  };
  const setItem = async (id, on) => {
    await set('setting', { id, choice: on ? 'accept' : 'reject' });
    if (!on) await pushEvent('change', { [id]: 'reject' });
  };
  const items = Object.entries(itemSettings).map(([id, choice]) =>
    row(titleOf(id), choice === 'accept', (on) => setItem(id, on), { id, disabled: !mainSwitch }),
  );
  list.replaceChildren(
    make('div', { class: 'group' }, row(t('mainSwitch'), mainSwitch, (on) => set('main_switch', { on }), { id: 'main-switch' })),
    make('p', { class: 'hint' }, t('mainSwitchHint')),
    make('h3', {}, t('eachTemplate')),
    make('div', { class: 'group' }, ...(items.length ? items : [make('p', { class: 'row empty' }, t('nothingKept'))])),
    make('p', { class: 'hint' }, t('eachHint')),
  );
}

function row(label, on, set, { id, disabled = false }) {
  const input = make('input', {
    type: 'checkbox',
    role: 'switch',
    checked: on,
    disabled,
    'data-id': id,
    onchange: () => set(input.checked),
  });
  return make('label', { class: 'row' }, make('span', {}, label), input, make('i', { class: 'switch' }));
}
