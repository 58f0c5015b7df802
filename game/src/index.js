export { Subscriber } from './subscriber.js';
export { SubscribeError } from './errors.js';
