// WeChat's events: pushed to the game server's address, if there is one.
import { kept, log, openid, params, relay, sim, trouble } from './wechat.js';

/** The address as the panel, or the page's own address, says. */
export const push = {
  url: params.get('push') ?? kept.get('push.url') ?? '',
  token: params.get('push_token') ?? kept.get('push.token') ?? '',
  key: params.get('push_key') ?? kept.get('push.key') ?? '',
};

export function setPush(name, value) {
  push[name] = value.trim();
  kept.set(`push.${name}`, push[name]);
}

/** @param event 'popup' for a dialog, 'change' for the settings page */
export async function pushEvent(event, answers) {
  const items = Object.entries(answers).map(([template_id, status]) => ({ template_id, status }));
  if (!push.url || !items.length) return;
  const secure = push.key ? { mode: 'secure', aes_key: push.key } : {};
  try {
    const pushed = await sim('push', { event, openid, items, token: push.token, ...secure });
    const url = push.url + (push.url.includes('?') ? '&' : '?') + pushed.query;
    for (let i = 0; i < (trouble.twice ? 2 : 1); i += 1) {
      const answer = await relay({ url, method: 'POST', header: { 'content-type': pushed.content_type }, data: pushed.body });
      log(`push ${event} → ${answer.error ?? `${answer.statusCode} ${answer.data.slice(0, 20)}`}`);
    }
  } catch (error) {
    log(`push ${event}: ${error.message}`);
  }
}
