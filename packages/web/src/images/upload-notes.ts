/** A file as a browser tells it apart from another version of itself. */
export interface NotedFile {
  readonly name: string;
  readonly size: number;
  readonly lastModified: number;
}

/** Which upload belongs to which file, so that one that a closed page broke off goes on when the file is chosen again. */
export interface UploadNotes {
  find(file: NotedFile): string | undefined;
  put(file: NotedFile, upload: string): void;
  forget(file: NotedFile): void;
}

const place = 'drover.uploads';
/** Notes kept at most: the server throws uploads away that nobody goes on with. */
const mostNotes = 20;

const keyOf = ({ name, size, lastModified }: NotedFile): string => JSON.stringify([name, size, lastModified]);

/** @param storage - the page's, as it is when it is asked for: a browser may refuse even to name it */
export const createUploadNotes = (storage: () => Pick<Storage, 'getItem' | 'setItem'>): UploadNotes => {
  const read = (): [string, string][] => {
    try {
      const value: unknown = JSON.parse(storage().getItem(place) ?? '[]');
      const isNote = (each: unknown): each is [string, string] =>
        Array.isArray(each) && each.length === 2 && each.every((text) => typeof text === 'string');
      return Array.isArray(value) ? value.filter(isNote) : [];
    } catch {
      // Absent or broken: at worst an upload begins anew.
      return [];
    }
  };
  const write = (notes: readonly [string, string][]): void => {
    try {
      storage().setItem(place, JSON.stringify(notes.slice(-mostNotes)));
    } catch {
      // Nothing is kept for us, or no more: the same.
    }
  };
  const others = (file: NotedFile): [string, string][] => read().filter(([key]) => key !== keyOf(file));
  return {
    find: (file) => read().find(([key]) => key === keyOf(file))?.[1],
    put: (file, upload) => {
      write([...others(file), [keyOf(file), upload]]);
    },
    forget: (file) => {
      write(others(file));
    },
  };
};
