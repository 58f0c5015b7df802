/** The words WeChat answers for a template or system type; unknown ones are passed on. */
export type AnswerWord = 'accept' | 'reject' | 'ban' | 'filter' | (string & {});

/**
 * What became of a call, for a program: `tap` outside a tap, `busy` while one runs, `off` main switch off, `banned` by
 * WeChat, `network` and `hidden` ask again later, `ids` a mistake in the ids, `old` WeChat is too old, `full` the server
 * has not taken 50 earlier answers, `wechat` anything else.
 */
export type SubscribeErrorCode =
  | 'tap'
  | 'busy'
  | 'off'
  | 'banned'
  | 'network'
  | 'hidden'
  | 'ids'
  | 'old'
  | 'full'
  | 'wechat';

export class SubscribeError extends Error {
  readonly name: 'SubscribeError';
  readonly code: SubscribeErrorCode;
  /** WeChat's own number and text, if WeChat answered. */
  readonly errCode?: number;
  readonly errMsg?: string;
  /** The report's id, if WeChat answered: its answer is on its way to the server. */
  readonly id?: string;
  private constructor();
}

/** One answer on its way to the game's server. */
export interface Report {
  /** Unique; the same in every try. The server passes it on as wxsub's `key`, so that a second try counts once. */
  readonly id: string;
  /** Where it is from: `requestSubscribeMessage`, `requestSubscribeSystemMessage`, `getSetting`. */
  readonly kind: 'ask' | 'system' | 'setting';
  /** WeChat's object; the server gives its JSON to `wxsub_report_json` as it is. */
  readonly answer: Readonly<Record<string, unknown>>;
}

/** The part of `wx` that keeps strings; also `localStorage`-like things of another engine, wrapped. */
export interface Storage {
  getStorageSync(key: string): unknown;
  setStorageSync(key: string, value: string): unknown;
}

/** The part of `wx` that the kit uses. WeChat's own types fit. */
export interface WeChat {
  requestSubscribeMessage?(option: any): unknown;
  requestSubscribeSystemMessage?(option: any): unknown;
  getSetting?(option: any): unknown;
  getAppBaseInfo?(): { SDKVersion?: string };
  getSystemInfoSync?(): { SDKVersion?: string };
  canIUse?(schema: string): boolean;
}

export interface SubscriberOptions {
  /** WeChat's global object. */
  wx: WeChat;
  /**
   * Sends one report to the game's server. `true`, and nothing else, means that the server has it (or will never want
   * it): it is then removed. Anything else, an exception, a rejection or 30 seconds without an answer: it is tried again
   * after a growing pause, and the ones behind it wait.
   */
  report(report: Report): Promise<boolean> | boolean;
  /** Where answers wait; default: `wx`, whose storage is the player's own. */
  storage?: Storage;
  /** The storage's key; default: `wxsub.answers`. */
  key?: string;
  /** Gets what no promise tells: a report that failed, a storage that does not work. */
  onError?(error: unknown): void;
}

export interface AskResult {
  /** The report's id. */
  readonly id: string;
  /** WeChat's answer for each id, and its `errMsg`. */
  readonly answers: Readonly<Record<string, AnswerWord>>;
  /** The ids that the player accepted. */
  readonly accepted: readonly string[];
  /** false: the storage did not take the answer; it is lost if the game ends before it is reported. */
  readonly saved: boolean;
}

export interface SyncResult {
  /** Whether the player lets this game send at all; undefined if WeChat is too old to say. */
  readonly mainSwitch: boolean | undefined;
  /** How many answers the server does not have yet. */
  readonly pending: number;
}

/**
 * Asks the player and carries each answer to the game's server. One for the whole game.
 *
 * No method throws, and no promise that nobody looks at is reported as unhandled.
 */
export class Subscriber {
  /** Throws a TypeError without `wx` or `report`. */
  constructor(options: SubscriberOptions);

  /**
   * Opens WeChat's dialog. Call it in a tap, before any await or timer. Of more than three ids the first three are asked,
   * in the order of the server's plan; base libraries before 2.8.4 ask one.
   * @returns rejects with a {@link SubscribeError}
   */
  ask(templateIds: string | readonly string[]): Promise<AskResult>;

  /**
   * The same for system types (`SYS_MSG_TYPE_INTERACTIVE`, `SYS_MSG_TYPE_RANK`, `SYS_MSG_TYPE_WHATS_NEW`), which WeChat
   * sends by itself. WHATS_NEW is left out where the base library is older than 2.32.1.
   */
  askSystem(types: string | readonly string[]): Promise<AskResult>;

  /**
   * Call it after login: reports what is not yet reported, and what the player switched off in WeChat's settings.
   * @returns rejects with a {@link SubscribeError} if the settings can't be read; the reports go on all the same
   */
  sync(): Promise<SyncResult>;

  /**
   * Whether the player ticked "always keep this choice" with accept for all of these, as of the last {@link sync}: a call
   * of `ask`, still in a tap, then shows no dialog and grants one message each.
   */
  canAskSilently(ids: string | readonly string[]): boolean;

  /** How many answers the server does not have yet. */
  readonly pending: number;
}
