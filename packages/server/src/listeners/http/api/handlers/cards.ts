import type { CardKeyUseCases } from '../../../../app/boot/signing-key.js';
import type { Handlers } from '../handlers.js';

export interface CardUseCases {
  readonly cardKeys: CardKeyUseCases;
}

export const cardHandlers = ({ cardKeys }: CardUseCases): Pick<Handlers, 'getCardKeys' | 'rollCardKey'> => ({
  getCardKeys: ({ principal }) => cardKeys.show(principal),
  rollCardKey: ({ principal, also }, { body }) => cardKeys.roll(principal, body, also),
});
