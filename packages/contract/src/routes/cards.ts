import { CardKeyRoll, CardKeys } from '../resources/card.js';
import type { Route } from './route.js';

export const cardsRoutes = {
  getCardKeys: {
    method: 'GET',
    path: '/card-key',
    tag: 'cards',
    summary: 'Public keys of what self-updating cards are told',
    role: 'reader',
    status: 200,
    answer: CardKeys,
  },
  rollCardKey: {
    method: 'POST',
    path: '/card-key/roll',
    tag: 'cards',
    summary: 'Make and announce the next key, or sign with it from now on',
    role: 'admin',
    body: CardKeyRoll,
    status: 200,
    answer: CardKeys,
  },
} as const satisfies Record<string, Route>;
