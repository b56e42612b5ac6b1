import type { Consoles } from '../../../../app/consoles/consoles.js';
import type { Handlers, TextHandlers } from '../handlers.js';

export interface ConsoleUseCases {
  readonly consoles: Consoles;
}

/** Serial consoles: seen as a text that goes on, typed on by a request each. */
export const consoleHandlers = ({
  consoles,
}: ConsoleUseCases): {
  handlers: Pick<Handlers, 'writeConsole'>;
  texts: Pick<TextHandlers, 'watchConsole'>;
} => ({
  handlers: {
    writeConsole: ({ principal }, { params, body }) => consoles.write(principal, params.ref, body),
  },
  texts: {
    watchConsole: ({ principal, signal }, { params, query }) => consoles.watch(principal, params.ref, query, signal),
  },
});
