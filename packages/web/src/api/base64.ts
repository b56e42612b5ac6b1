/** Bytes in base64 (RFC 4648, section 4), as the API takes them. */
export const toBase64 = (bytes: Uint8Array): string => {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
};

export const textToBase64 = (text: string): string => toBase64(new TextEncoder().encode(text));

/** The text that base64 holds; undefined: it is no base64, no UTF-8, or another base64 than ours would be. */
export const textFromBase64 = (base64: string): string | undefined => {
  try {
    const bytes = Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return textToBase64(text) === base64 ? text : undefined;
  } catch {
    return undefined;
  }
};
