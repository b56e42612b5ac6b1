const pageSize = 32 * 1024;

/** A long stretch of bytes of which most are zero. */
export class SparseBytes {
  private readonly pages = new Map<number, Uint8Array>();

  write(offset: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const at = offset + done;
      const within = at % pageSize;
      const length = Math.min(pageSize - within, bytes.length - done);
      this.page(at).set(bytes.subarray(done, done + length), within);
      done += length;
    }
  }

  private page(at: number): Uint8Array {
    const index = Math.floor(at / pageSize);
    const there = this.pages.get(index);
    if (there !== undefined) return there;
    const fresh = new Uint8Array(pageSize);
    this.pages.set(index, fresh);
    return fresh;
  }

  read(offset: number, target: Uint8Array): void {
    for (let done = 0; done < target.length;) {
      const at = offset + done;
      const within = at % pageSize;
      const length = Math.min(pageSize - within, target.length - done);
      const page = this.pages.get(Math.floor(at / pageSize));
      if (page === undefined) target.fill(0, done, done + length);
      else target.set(page.subarray(within, within + length), done);
      done += length;
    }
  }

  slice(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.read(offset, bytes);
    return bytes;
  }

  clear(from: number, to: number): void {
    for (const [index, page] of this.pages) {
      const start = index * pageSize;
      if (start >= from && start + pageSize <= to) this.pages.delete(index);
      else if (start < to && start + pageSize > from)
        page.fill(0, Math.max(0, from - start), Math.min(pageSize, to - start));
    }
  }
}
