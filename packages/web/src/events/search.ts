import { eventTypes, type EventType } from '@drover/contract';

export interface EventsSearch {
  readonly type?: EventType;
  /** Id of what they are about. */
  readonly about?: string;
}

/** What the address says of the filter; what makes no sense is left out. */
export const readEventsSearch = (search: Record<string, unknown>): EventsSearch => {
  const type = eventTypes.find((each) => each === search['type']);
  const about = search['about'];
  return {
    ...(type === undefined ? {} : { type }),
    ...(typeof about === 'string' && about !== '' && about.length <= 64 ? { about } : {}),
  };
};
