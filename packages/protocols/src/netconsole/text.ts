/**
 * Characters that do something to whoever shows them: controls but the tab, line and paragraph separators, and format characters, among them those that turn the
 * direction of writing (Unicode TR 36, section 3.2).
 */
const harmful = /(?!\t)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

const escaped = (character: string): string => {
  const code = character.codePointAt(0) ?? 0;
  const digits = code.toString(16);
  return code < 0x100 ? `\\x${digits.padStart(2, '0')}` : `\\u${digits.padStart(4, '0')}`;
};

const [escape, bell] = [String.fromCharCode(0x1b), String.fromCharCode(0x07)];
/** Escape sequences of terminals (ECMA-48: CSI, OSC, and those of two characters): firmware colours its lines. */
const terminalSequences = new RegExp(
  `${escape}(?:\\[[0-?]*[ -/]*[@-~]|\\][^${bell}${escape}]*(?:${bell}|${escape}\\\\)|[@-Z\\\\^_])`,
  'g',
);

/** One line as it can be shown anywhere: colours are left out, and what else is no text is written as `\x1b`. */
export const harmless = (line: string): string => line.replace(terminalSequences, '').replace(harmful, escaped);

const utf8 = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });

/** Bytes as text; what is no UTF-8 becomes U+FFFD. */
export const textOf = (bytes: Uint8Array): string => utf8.decode(bytes);
