import type { DomainEvent, EventType } from '@drover/contract';

export type NewEvent = Omit<DomainEvent, 'id'>;
export type StoredEvent = DomainEvent & { id: number };

export interface EventRepository {
  /** Appends in the caller's transaction, at its end; ids grow in the order of commits. */
  append(event: NewEvent): Promise<void>;
  /**
   * Events after `after` and before `before`, oldest first or, with `newest`, newest first. `tenant`: undefined all, null those of none; a tenant sees its own
   * and those of none that concern it.
   */
  list(filter: {
    after: number;
    before?: number;
    newest?: boolean;
    limit: number;
    tenant?: string | null;
    type?: EventType;
    subject?: string;
  }): Promise<StoredEvent[]>;
  lastId(): Promise<number>;
  prune(before: string): Promise<number>;
}

/** Live feed of committed events, for this process and (within a second) for others on the same database. */
export interface EventFeed {
  /** Calls back for each committed event, in order; returns the way to end it. */
  subscribe(listener: (event: StoredEvent) => void): () => void;
  /** False while something that this process committed is not delivered yet. */
  isCurrent(): boolean;
}
