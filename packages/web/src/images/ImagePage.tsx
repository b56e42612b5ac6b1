import type { Device, Image } from '@drover/contract';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { client } from '../api/client.js';
import { queries, queryClient } from '../api/queries.js';
import { useFleet } from '../live/hooks.js';
import { useMay } from '../session/principal.js';
import { Button, buttonClass } from '../ui/Button.js';
import { Copyable } from '../ui/Copyable.js';
import { Dialog } from '../ui/Dialog.js';
import { TextField } from '../ui/Field.js';
import { bytesText, countText } from '../ui/format.js';
import { Icon } from '../ui/Icon.js';
import { Notice, ProblemNotice } from '../ui/Notice.js';
import { Progress } from '../ui/Progress.js';
import { Badge, DeviceStateDot, ImageStateDot } from '../ui/State.js';
import { Time } from '../ui/Time.js';
import layout from '../ui/layout.module.css';
import { ImportProgress } from './ImportProgress.js';
import styles from './images.module.css';

const Facts = ({ image }: { readonly image: Image }) => {
  const { facts } = image;
  return (
    <section className={layout['panel']} aria-label="Facts">
      <h2>What it is</h2>
      <dl className={layout['facts']}>
        {facts?.release != null && (
          <>
            <dt>System</dt>
            <dd>{facts.release.name}</dd>
          </>
        )}
        {image.size !== null && (
          <>
            <dt>Size</dt>
            <dd>{bytesText(image.size)}</dd>
          </>
        )}
        {facts !== null && (
          <>
            <dt>Runs on</dt>
            <dd className={layout['row']}>
              {facts.models.map((model) => (
                <Badge key={model}>{model}</Badge>
              ))}
            </dd>
            <dt>Root modes</dt>
            <dd className={layout['row']}>
              {facts.rootModes.map((mode) => (
                <Badge key={mode}>{mode}</Badge>
              ))}
            </dd>
            <dt>Kernels</dt>
            <dd>
              {facts.kernels.map(({ file, release }) => (
                <p key={file}>
                  <code>{file}</code> <span className={layout['small']}>{release}</span>
                </p>
              ))}
            </dd>
          </>
        )}
        <dt>Imported</dt>
        <dd>
          <Time at={image.createdAt} />
        </dd>
        {image.digest !== null && (
          <>
            <dt>sha256</dt>
            <dd>
              <Copyable text={image.digest} />
            </dd>
          </>
        )}
      </dl>
      {facts !== null && facts.unfit.length > 0 && (
        <details>
          <summary>Why not on other models</summary>
          <ul className={layout['stack']}>
            {facts.unfit.map(({ model, reason }) => (
              <li key={model}>
                <Badge>{model}</Badge> {reason}
              </li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
};

const BootFiles = ({ image }: { readonly image: Image }) => {
  const files = useQuery(queries.imageFiles(image.id));
  const [text, setText] = useState('');
  const shown = useMemo(
    () => (files.data ?? []).filter(({ path }) => path.toLowerCase().includes(text.toLowerCase())),
    [files.data, text],
  );
  return (
    <section className={layout['panel']} aria-label="Boot partition">
      <div className={layout['head']}>
        <h2>Boot partition</h2>
        <TextField
          label="Search files"
          labelHidden
          type="search"
          placeholder="Search files"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
          }}
        />
      </div>
      {files.isError && <ProblemNotice error={files.error} />}
      {files.isPending && <Progress label="Reading the files" done={0} total={null} />}
      <div className={styles['files']} tabIndex={0} role="region" aria-label="Files">
        <table className={layout['table']}>
          <thead>
            <tr>
              <th scope="col">File</th>
              <th scope="col">Size</th>
            </tr>
          </thead>
          <tbody>
            {shown.map(({ path, size }) => (
              <tr key={path}>
                <td>
                  <code>{path}</code>
                </td>
                <td className={layout['figure']}>{bytesText(size)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
};

const Users = ({ users }: { readonly users: readonly Device[] }) => (
  <section className={layout['panel']} aria-label="Who uses it">
    <h2>{users.length === 0 ? 'No board uses it' : `Used by ${countText(users.length, 'board')}`}</h2>
    {users.length > 0 && (
      <ul className={layout['stack']}>
        {users.slice(0, 20).map((device) => (
          <li key={device.id} className={layout['row']}>
            <Link to="/devices/$ref" params={{ ref: device.name }}>
              {device.name}
            </Link>
            <DeviceStateDot state={device.state} />
            <span className={layout['small']}>{device.assignment?.rootMode}</span>
          </li>
        ))}
      </ul>
    )}
    {users.length > 20 && (
      <Link to="/" search={{ image: users[0]?.assignment?.imageName ?? '' }}>
        All of them
      </Link>
    )}
  </section>
);

const DeleteDialog = ({
  image,
  users,
  onClose,
}: {
  readonly image: Image;
  readonly users: number;
  readonly onClose: () => void;
}) => {
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const navigate = useNavigate();
  const remove = async (): Promise<void> => {
    setBusy(true);
    try {
      await client.images.delete({ params: { ref: image.id } });
      void queryClient.invalidateQueries({ queryKey: ['images'] });
      void navigate({ to: '/images' });
    } catch (refused) {
      setError(refused);
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={`Delete ${image.ref}`}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>{error === undefined ? 'Cancel' : 'Close'}</Button>
          <Button kind="danger" busy={isBusy} onClick={() => void remove()}>
            Delete {image.ref}
          </Button>
        </>
      }
    >
      <p>
        The image and what was made from it are deleted{image.size === null ? '' : ` (${bytesText(image.size)})`}. It
        has to be imported again to be used again.
      </p>
      {users > 0 && error === undefined && (
        <Notice tone="warn" title={`${countText(users, 'board')} use it: the server will refuse.`}>
          Release them first, or give them another image.
        </Notice>
      )}
      {error !== undefined && <ProblemNotice error={error} />}
    </Dialog>
  );
};

const Known = ({ image }: { readonly image: Image }) => {
  const { devices } = useFleet();
  const users = useMemo(() => devices.filter(({ assignment }) => assignment?.image === image.id), [devices, image.id]);
  const [isDeleting, setDeleting] = useState(false);
  const mayChange = useMay('operator');
  return (
    <div className={layout['page']}>
      <title>{`${image.ref} · Drover`}</title>
      <div className={layout['stack']}>
        <Link to="/images" className={layout['back']}>
          <Icon name="back" size={14} />
          Images
        </Link>
        <div className={layout['head']}>
          <div className={layout['row']}>
            <h1>{image.ref}</h1>
            <ImageStateDot state={image.state} />
          </div>
          {mayChange && (
            <div className={layout['actions']}>
              {image.state === 'ready' && (
                <Link to="/provision" search={{ image: image.ref }} className={buttonClass('primary')}>
                  <Icon name="provision" size={16} />
                  Provision
                </Link>
              )}
              <Button
                kind="danger"
                onClick={() => {
                  setDeleting(true);
                }}
              >
                Delete
              </Button>
            </div>
          )}
        </div>
        {image.state === 'importing' && <ImportProgress image={image} />}
        {image.state === 'failed' && <Notice tone="bad" title={image.stateReason ?? 'It could not be imported.'} />}
        {image.facts?.warnings.map((warning) => (
          <Notice key={warning} tone="warn" title={warning} />
        ))}
      </div>
      <div className={layout['columns']}>
        <div className={layout['stack']}>
          {image.state === 'ready' && <BootFiles image={image} />}
          <Users users={users} />
        </div>
        <Facts image={image} />
      </div>
      {isDeleting && (
        <DeleteDialog
          image={image}
          users={users.length}
          onClose={() => {
            setDeleting(false);
          }}
        />
      )}
    </div>
  );
};

export const ImagePage = () => {
  const { ref } = useParams({ from: '/images/$ref' });
  const image = useQuery(queries.image(ref));
  if (image.data !== undefined) return <Known image={image.data} />;
  return (
    <div className={layout['page']}>
      <title>Image · Drover</title>
      <h1>{ref}</h1>
      {image.isError ? (
        <ProblemNotice error={image.error} />
      ) : (
        <Progress label="Reading the image" done={0} total={null} />
      )}
    </div>
  );
};
