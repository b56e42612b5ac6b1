/** Words of somebody's file, for a line that people read. */
export const told = (text: string, most = 120): string => text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').slice(0, most);
