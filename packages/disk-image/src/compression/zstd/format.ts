/** The most bytes one block may give (RFC 8878, 3.1.1.2.4). */
export const maxBlockSize = 128 * 1024;
