import { Subscriber } from 'wxsub-client';

export const subscriber: Subscriber = new Subscriber({ wx: {}, report: async () => true });
