/** Pages of L2 tables that are kept in memory, shared by all images that are open. */
export interface TableCache {
  /** A number that tells the pages of one image from those of the others. */
  register(): number;
  /** The page, or undefined when it must be read. Marks it as used just now. */
  get(image: number, page: number): Buffer | undefined;
  /** Keeps a page. Returns the bytes that are kept, which must not be changed. */
  put(image: number, page: number, bytes: Buffer): Buffer;
  /** Forgets all pages of an image. */
  drop(image: number): void;
  /** Bytes held. */
  readonly bytes: number;
}

/** Images times pages: pages of 4 KiB cover 32 MiB each, so that 2^32 of them are more than any disk has. */
const pagesPerImage = 2 ** 32;

/** What a page of zeros counts, which many fresh overlays have: it shares one buffer with the others. */
const zeroPageCost = 64;
const zeroPage = Buffer.alloc(4096);

/** Keeps the most recently used pages up to so many bytes. */
export function createTableCache({ bytes: limit }: { bytes: number }): TableCache {
  const pages = new Map<number, Buffer>();
  let held = 0;
  let images = 0;

  const costOf = (page: Buffer): number =>
    page.buffer === zeroPage.buffer ? zeroPageCost : page.length + zeroPageCost;

  const remove = (key: number, page: Buffer): void => {
    pages.delete(key);
    held -= costOf(page);
  };

  return {
    register: () => (images += 1),
    get: (image, page) => {
      const key = image * pagesPerImage + page;
      const found = pages.get(key);
      if (found === undefined) return undefined;
      pages.delete(key);
      pages.set(key, found);
      return found;
    },
    put: (image, page, bytes) => {
      const key = image * pagesPerImage + page;
      const old = pages.get(key);
      if (old !== undefined) remove(key, old);
      const zero = zeroPage.subarray(0, bytes.length);
      const kept = bytes.equals(zero) ? zero : bytes;
      pages.set(key, kept);
      held += costOf(kept);
      for (const [oldest, page_] of pages) {
        if (held <= limit || oldest === key) break;
        remove(oldest, page_);
      }
      return kept;
    },
    drop: (image) => {
      for (const [key, page] of pages) if (Math.floor(key / pagesPerImage) === image) remove(key, page);
    },
    get bytes() {
      return held;
    },
  };
}
