/**
 * Collects small things of known length from chunks of any length. It keeps at most one thing and the chunk it was given
 * last: the owner does not push another before it was told that more is needed.
 */
export class ByteQueue {
  private chunk: Uint8Array = nothing;
  private at = 0;
  private partial: Uint8Array | undefined;
  private filled = 0;
  private skipped = 0;

  push(chunk: Uint8Array): void {
    if (this.at !== this.chunk.length) throw new Error('bytes were pushed before those pushed earlier were used up');
    this.chunk = chunk;
    this.at = 0;
  }

  /** The next `length` bytes, or undefined until they have come. Ask for the same length again then. */
  take(length: number): Uint8Array | undefined {
    if (!this.partial && this.available() >= length) return this.advance(length);
    this.partial ??= new Uint8Array(length);
    const part = this.advance(Math.min(length - this.filled, this.available()));
    this.partial.set(part, this.filled);
    this.filled += part.length;
    if (this.filled < length) return undefined;
    const whole = this.partial;
    this.partial = undefined;
    this.filled = 0;
    return whole;
  }

  /** Drops the next `length` bytes; false until they have come. Ask for the same length again then. */
  skip(length: number): boolean {
    this.skipped += this.advance(Math.min(length - this.skipped, this.available())).length;
    if (this.skipped < length) return false;
    this.skipped = 0;
    return true;
  }

  /** What was pushed and not used; nothing is left. */
  rest(): Uint8Array {
    return this.advance(this.available());
  }

  available(): number {
    return this.chunk.length - this.at;
  }

  private advance(length: number): Uint8Array {
    const part = this.chunk.subarray(this.at, this.at + length);
    this.at += length;
    return part;
  }
}

const nothing = new Uint8Array(0);
