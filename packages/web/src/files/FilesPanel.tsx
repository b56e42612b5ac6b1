import type { Device, DeviceFile } from '@drover/contract';
import { queryOptions, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { client } from '../api/client.js';
import { queryClient } from '../api/queries.js';
import { useMay } from '../session/principal.js';
import { Button } from '../ui/Button.js';
import { bytesText } from '../ui/format.js';
import { FormDialog } from '../ui/FormDialog.js';
import { ProblemNotice } from '../ui/Notice.js';
import { Time } from '../ui/Time.js';
import layout from '../ui/layout.module.css';
import { FileDialog } from './FileDialog.js';
import styles from './files.module.css';

const filesOf = (device: string) =>
  queryOptions({
    queryKey: ['devices', device, 'files'],
    queryFn: async ({ signal }) => (await client.deviceFiles.list({ params: { ref: device } }, { signal })).items,
  });

const readAnew = (device: Device): void => {
  void queryClient.invalidateQueries({ queryKey: filesOf(device.id).queryKey });
};

const FileRow = ({ device, file }: { readonly device: Device; readonly file: DeviceFile }) => {
  const may = useMay('operator');
  const [isAsking, setAsking] = useState(false);
  const { path, mode, uid, gid, size, updatedAt } = file;
  return (
    <li className={styles['file']}>
      <span>
        <code>{path}</code>{' '}
        <span className={layout['small']}>
          {bytesText(size)} · {mode} · {uid}:{gid} · <Time at={updatedAt} />
        </span>
      </span>
      {may && (
        <Button
          small
          kind="danger"
          aria-label={`Take away ${path}`}
          onClick={() => {
            setAsking(true);
          }}
        >
          Take away
        </Button>
      )}
      {isAsking && (
        <FormDialog
          title={`Take ${path} away`}
          button="Take it away"
          danger
          onClose={() => {
            setAsking(false);
          }}
          onSubmit={async () => {
            await client.deviceFiles.delete({ params: { ref: device.id }, query: { path } });
            readAnew(device);
          }}
        >
          <p>The server forgets it. What the image has at that path counts again from the next boot on.</p>
        </FormDialog>
      )}
    </li>
  );
};

/** Files that a board gets over its image. */
export const FilesPanel = ({ device }: { readonly device: Device }) => {
  const files = useQuery(filesOf(device.id));
  const may = useMay('operator');
  const [isAdding, setAdding] = useState(false);
  return (
    <section className={layout['panel']} aria-label="Files of its own">
      <div className={layout['head']}>
        <h2>Files of its own</h2>
        {may && device.assignment !== null && (
          <Button
            small
            onClick={() => {
              setAdding(true);
            }}
          >
            Give it a file
          </Button>
        )}
      </div>
      {files.isError && <ProblemNotice error={files.error} />}
      {files.data?.length === 0 && (
        <p className={layout['muted']}>
          {device.assignment === null ? 'They come with an image, and go with its release.' : 'None.'}
        </p>
      )}
      {files.data !== undefined && files.data.length > 0 && (
        <ul aria-label="Files">
          {files.data.map((file) => (
            <FileRow key={file.path} device={device} file={file} />
          ))}
        </ul>
      )}
      {isAdding && (
        <FileDialog
          onFile={async (body) => {
            await client.deviceFiles.put({ params: { ref: device.id }, body });
            readAnew(device);
          }}
          onClose={() => {
            setAdding(false);
          }}
        />
      )}
    </section>
  );
};
