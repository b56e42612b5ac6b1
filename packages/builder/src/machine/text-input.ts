/** A text as the standard input of a program. */
export async function* textInput(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text);
}
