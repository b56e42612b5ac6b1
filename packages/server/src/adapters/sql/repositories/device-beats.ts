import { sql, type SqlBool } from 'kysely';
import type { HealthStatus } from '@drover/contract';
import type { DeviceRepository } from '../../../app/devices/ports.js';
import { always, type Condition } from '../conditions.js';
import type { Context } from './context.js';
import { complete } from './device-records.js';
import { beatColumns, laterSeen } from './device-rows.js';

type Beats = Pick<DeviceRepository, 'renewBeat' | 'saveBeat' | 'markSilent'>;

const tells = sql<SqlBool>`(root_mode = 'sd' and beat_at is not null)`;

/** As domain/device-health has it. */
export const inHealth = (wanted: { status: HealthStatus; at: string } | undefined): Condition => {
  if (wanted === undefined) return always;
  switch (wanted.status) {
    case 'unknown':
      return sql<SqlBool>`(root_mode is null or root_mode <> 'sd' or beat_at is null)`;
    case 'silent':
      return sql<SqlBool>`(${tells} and (beat_silent_at is not null or beat_due_at < ${wanted.at}))`;
    default: {
      const health = wanted.status === 'healthy' ? 'ok' : 'failing';
      return sql<SqlBool>`(${tells} and beat_silent_at is null and beat_due_at >= ${wanted.at} and beat_health = ${health})`;
    }
  }
};

export const beats = (context: Context): Beats => ({
  renewBeat: async (beat) => {
    const row = await context.db
      .updateTable('devices')
      .set({ ...beatColumns(beat), last_seen_at: laterSeen(beat.at) })
      .where('beat_session', '=', beat.session)
      .where('beat_health', '=', beat.health)
      .where('beat_due_at', '>=', beat.at)
      .where('beat_silent_at', 'is', null)
      .where(
        sql<SqlBool>`exists (select 1 from sessions s where s.id = ${beat.session} and s.device = devices.id and s.outcome <> 'revoked')`,
      )
      .returning('id')
      .executeTakeFirst();
    return row !== undefined;
  },
  saveBeat: async (device, beat) => {
    await context.db
      .updateTable('devices')
      .set({ ...beatColumns(beat), last_seen_at: laterSeen(beat.at) })
      .where('id', '=', device)
      .execute();
  },
  markSilent: async (at, limit) => {
    const due = context.db
      .selectFrom('devices')
      .select('id')
      .where(tells)
      .where('beat_due_at', '<', at)
      .where('beat_silent_at', 'is', null)
      .orderBy('beat_due_at')
      .limit(limit);
    const rows = await context.db
      .updateTable('devices')
      .set({ beat_silent_at: at })
      .where('id', 'in', due)
      .where('beat_due_at', '<', at)
      .returningAll()
      .execute();
    return complete(context, rows);
  },
});
