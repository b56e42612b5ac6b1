import type { Image } from '@drover/contract';
import { useRef, useState, type DragEvent } from 'react';
import { Button, IconButton } from '../ui/Button.js';
import { Dialog } from '../ui/Dialog.js';
import { TextField } from '../ui/Field.js';
import { bytesText } from '../ui/format.js';
import { Icon } from '../ui/Icon.js';
import { ProblemNotice } from '../ui/Notice.js';
import { Progress } from '../ui/Progress.js';
import { cancelImport, importFile, importUrl, useImports, type Importing } from './imports.js';
import { freeVersion, nameFrom } from './names.js';
import styles from './images.module.css';

type Source = { readonly file: File } | { readonly url: string };

const taken = (images: readonly Image[], name: string): ReadonlySet<string> =>
  new Set(images.filter((image) => image.name === name).map(({ version }) => version));

const suggested = (source: Source, images: readonly Image[]) => {
  const { name, version } = nameFrom('file' in source ? source.file.name : source.url);
  return { name, version: freeVersion(version, taken(images, name)) };
};

/** Asks what an image is to be called, before it is sent. */
const NameDialog = ({
  source,
  images,
  onClose,
}: {
  readonly source: Source;
  readonly images: readonly Image[];
  readonly onClose: () => void;
}) => {
  const [first] = useState(() => suggested(source, images));
  const [name, setName] = useState(first.name);
  const [version, setVersion] = useState(first.version);
  const [url, setUrl] = useState('url' in source ? source.url : '');
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const isTaken = taken(images, name).has(version);
  const begin = async (): Promise<void> => {
    if ('file' in source) {
      void importFile(source.file, { name, version });
      onClose();
      return;
    }
    setBusy(true);
    try {
      await importUrl(url, { name, version });
      onClose();
    } catch (refused) {
      setError(refused);
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={'file' in source ? `Import ${source.file.name}` : 'Import from a URL'}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" form="import-form" busy={isBusy} disabled={isTaken}>
            Import
          </Button>
        </>
      }
    >
      <form
        id="import-form"
        style={{ display: 'contents' }}
        onSubmit={(event) => {
          event.preventDefault();
          void begin();
        }}
      >
        {'url' in source && (
          <TextField
            label="URL"
            type="url"
            value={url}
            required
            placeholder="https://example.org/raspios-lite.img.xz"
            hint="The server fetches it."
            onChange={(event) => {
              const next = event.target.value;
              setUrl(next);
              const again = suggested({ url: next }, images);
              setName(again.name);
              setVersion(again.version);
            }}
          />
        )}
        <div className={styles['pair']}>
          <TextField
            label="Name"
            value={name}
            required
            pattern="[a-z0-9]([a-z0-9\-]*[a-z0-9])?"
            hint="Lower-case letters, digits, hyphens"
            onChange={(event) => {
              setName(event.target.value);
            }}
          />
          <TextField
            label="Version"
            value={version}
            required
            error={isTaken ? `There is ${name}:${version} already` : undefined}
            onChange={(event) => {
              setVersion(event.target.value);
            }}
          />
        </div>
        {error !== undefined && <ProblemNotice error={error} />}
      </form>
    </Dialog>
  );
};

const Upload = ({ upload }: { readonly upload: Importing }) => (
  <li className={styles['upload']}>
    <div>
      <strong>{upload.ref}</strong> <span>{upload.file}</span>
    </div>
    <IconButton
      icon="close"
      label={upload.state === 'failed' ? 'Close' : `Cancel the upload of ${upload.ref}`}
      onClick={() => {
        cancelImport(upload.id);
      }}
    />
    {upload.state === 'failed' ? (
      <ProblemNotice error={upload.error} />
    ) : (
      <Progress
        label={`Upload of ${upload.ref}`}
        done={upload.done}
        total={upload.total}
        text={
          upload.state === 'waiting'
            ? 'The server is away. The upload goes on where it stands as soon as it is back.'
            : `${bytesText(upload.done)} of ${bytesText(upload.total)} sent`
        }
      />
    )}
  </li>
);

/** Where images come in: dropped, chosen, or fetched by the server. */
export const ImportPanel = ({ images }: { readonly images: readonly Image[] }) => {
  const imports = useImports();
  const [isOver, setOver] = useState(false);
  const [sources, setSources] = useState<readonly Source[]>([]);
  const picker = useRef<HTMLInputElement>(null);
  const take = (files: Iterable<File>): void => {
    setSources((now) => [...now, ...[...files].map((file) => ({ file }))]);
  };
  const over = (event: DragEvent, is: boolean): void => {
    if (!event.dataTransfer.types.includes('Files')) return;
    event.preventDefault();
    setOver(is);
  };
  const [source] = sources;
  return (
    <section
      aria-label="Import"
      className={styles['drop']}
      data-over={isOver || undefined}
      onDragEnter={(event) => {
        over(event, true);
      }}
      onDragOver={(event) => {
        over(event, true);
      }}
      onDragLeave={(event) => {
        if (!(event.relatedTarget instanceof Node && event.currentTarget.contains(event.relatedTarget)))
          over(event, false);
      }}
      onDrop={(event) => {
        over(event, false);
        take(event.dataTransfer.files);
      }}
    >
      <div className={styles['dropText']}>
        <Icon name="upload" size={28} />
        <div>
          <h2>Drop an SD-card image here</h2>
          <p>Unmodified, as the vendor has it: .img, .img.xz, .img.gz, .img.zst or .zip</p>
        </div>
        <div className={styles['dropActions']}>
          <Button
            kind="primary"
            onClick={() => {
              picker.current?.click();
            }}
          >
            Choose a file
          </Button>
          <Button
            onClick={() => {
              setSources([{ url: '' }]);
            }}
          >
            From a URL
          </Button>
        </div>
        <input
          ref={picker}
          type="file"
          multiple
          hidden
          aria-label="Image file"
          onChange={(event) => {
            take(event.target.files ?? []);
            event.target.value = '';
          }}
        />
      </div>
      {imports.length > 0 && (
        <ul className={styles['uploads']} aria-label="Uploads">
          {imports.map((upload) => (
            <Upload key={upload.id} upload={upload} />
          ))}
        </ul>
      )}
      {source !== undefined && (
        <NameDialog
          key={sources.length}
          source={source}
          images={images}
          onClose={() => {
            setSources((now) => now.slice(1));
          }}
        />
      )}
    </section>
  );
};
