import { Lexer } from 'yaml';

const mostFlow = 64;
const mostColumns = 256;
const mostOnALine = 64;
const mostAliases = 100;
/** What the lexer puts in front of the text of a plain or block scalar. */
const scalarFollows = '\x1f';

/**
 * Why a YAML document is nested deeper than anybody writes by hand; undefined when it is not. To be asked before it is parsed: parsers and composers call themselves for
 * each level, and what runs out of stack there may end the process, not only the call. The lexer does not.
 */
export function yamlExcess(text: string): string | undefined {
  let flow = 0;
  let onLine = 0;
  let aliases = 0;
  let before = '\n';
  for (const token of new Lexer().lex(text)) {
    const isIndent = before.endsWith('\n') && /^ +$/.test(token);
    const isScalar = before === scalarFollows;
    before = token;
    if (isScalar) continue;
    if (token.endsWith('\n')) onLine = 0;
    else if (token === '[' || token === '{') flow += 1;
    else if (token === ']' || token === '}') flow = Math.max(0, flow - 1);
    else if (token === '-' || token === '?' || token === ':') onLine += flow === 0 ? 1 : 0;
    else if (token.startsWith('*')) aliases += 1;
    if (flow > mostFlow || onLine > mostOnALine || (isIndent && token.length > mostColumns))
      return 'is nested too deeply';
    if (aliases > mostAliases) return `has more than ${mostAliases} aliases`;
  }
  return undefined;
}
