import type { IncomingMessage, ServerResponse } from 'node:http';
import { BootForm } from '@drover/contract';
import type { CardBoots } from '../../../app/boot/plane/card-boots.js';
import { formFields, readBody } from './body.js';
import { refuseBody, sendLines, sendRefusal } from './reply.js';

const mostForm = 4 * 1024;

const keyOf = (authorization: string | undefined): string | undefined =>
  /^Bearer +(\S{1,256})$/i.exec(authorization ?? '')?.[1];

/** `POST /device/v1/boots`, see contract/device-api. */
export async function beginCardBoot(
  cards: CardBoots,
  request: IncomingMessage,
  response: ServerResponse,
  address: string,
): Promise<void> {
  const body = await readBody(request, mostForm);
  if (body === undefined) return refuseBody(request, response, mostForm);
  const form = BootForm.safeParse(formFields(body.toString('utf8')));
  if (!form.success) {
    const fields = form.error.issues.map((issue) => issue.path.join('.')).join(', ');
    return sendRefusal(response, 'request.invalid', `The form's fields are not valid: ${fields}.`);
  }
  const answer = await cards.begin(form.data, keyOf(request.headers.authorization), address);
  if (answer.kind === 'granted') return sendLines(response, answer.value);
  if (answer.kind === 'not-ready') {
    return sendRefusal(response, 'server.busy', `Not yet: ${answer.reason}.`, { retryAfter: answer.retryAfter });
  }
  return sendRefusal(response, 'card.refused', `Refused: ${answer.reason}.`, {
    remedy:
      'Write the card anew from the image that is assigned to this board, with a key and a device that are its own.',
  });
}
