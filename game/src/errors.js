/** What a failure means, by WeChat's errCode or by our own word: [code for the game, words for a person]. */
const MEANINGS = {
  10001: ['ids', 'no template id was given'],
  10002: ['network', 'WeChat could not load the templates; ask again at a later tap'],
  10003: ['network', 'WeChat could not store the answer; ask again at a later tap'],
  10004: ['ids', 'an id is not valid; templates belong to ask(), SYS_MSG_TYPE_… to askSystem()'],
  10005: ['hidden', 'WeChat could not show the dialog; was the game in the background?'],
  20001: ['ids', "this account has no such template, or it is of the call's other kind"],
  20002: ['ids', 'one-time templates and system types do not mix in one call'],
  20003: ['ids', 'too many templates in one call'],
  20004: ['off', "the player turned this game's subscribe messages off; only the settings page turns them on"],
  20005: ['banned', 'WeChat banned this game from subscribe messages'],
  tap: ['tap', 'WeChat allows the call only inside a tap: call it in touchend, before any await or timer'],
  busy: ['busy', 'the last call has not ended'],
  old: ['old', 'this WeChat is too old for the call; the player has to update it'],
  full: ['full', 'the server has not taken the earlier answers; call sync() when it is back'],
  wechat: ['wechat', 'WeChat refused the call'],
};

/** Failures that some versions of WeChat tell by their text alone. */
const TEXTS = [
  [/main switch/i, 20004],
  [/tap|touchend|user interaction/i, 'tap'],
  [/last call/i, 'busy'],
];

export class SubscribeError extends Error {
  /**
   * @param {number | string} reason one of WeChat's codes, or a word of MEANINGS
   * @param {{ id?: string, errCode?: number, errMsg?: string }} [details]
   */
  constructor(reason, details = {}) {
    const [code, words] = MEANINGS[reason] || MEANINGS.wechat;
    super(details.errMsg ? `${words} (${details.errMsg})` : words);
    this.name = 'SubscribeError';
    this.code = code;
    Object.assign(this, details);
  }
}

/**
 * What `fail` of a call got.
 * @returns {{ reason: number | string, answer: { errMsg: string, errCode?: number } }}
 *   answer: for the server, with the errCode of a main switch that is off, which is a refusal of everything
 */
export function readFailure(failure) {
  const { errMsg, errCode, errno } = Object(failure);
  const text = String(errMsg || failure).slice(0, 500);
  const known = Number(errCode === undefined ? errno : errCode);
  const told = TEXTS.find(([pattern]) => pattern.test(text));
  const reason = MEANINGS[known] ? known : told ? told[1] : 'wechat';
  const answer = { errMsg: text };
  if (reason > 0 || known) answer.errCode = reason > 0 ? reason : known;
  return { reason, answer };
}
