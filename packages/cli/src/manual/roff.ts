/** Text for man(7): nothing in it is a request or an escape. */
export const roffText = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .split('\n')
    .map((line) => (/^[.']/.test(line) ? `\\&${line}` : line))
    .join('\n');

const quoted = (text: string): string => `"${text.replaceAll('"', '\\(dq')}"`;

/** `.TH`: name, section, date and version. */
export const title = (name: string, section: number, date: string, version: string): string =>
  `.TH ${quoted(roffText(name.toUpperCase()))} ${section} ${quoted(date)} ${quoted(`Drover ${version}`)} "Drover"\n`;

export const section = (name: string): string => `.SH ${quoted(name)}\n`;
export const subsection = (name: string): string => `.SS ${quoted(roffText(name))}\n`;
/** Words in bold with something behind them. */
export const item = (words: string, text: string): string => `.TP\n.B ${roffText(words)}\n${roffText(text)}\n`;
/** Lines as they are. */
export const verbatim = (lines: readonly string[]): string =>
  `.PP\n.nf\n.RS\n${lines.map((line) => `${roffText(line)}\n`).join('')}.RE\n.fi\n`;
