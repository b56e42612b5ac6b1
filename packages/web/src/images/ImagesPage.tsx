import type { Image } from '@drover/contract';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import { queries } from '../api/queries.js';
import { useFleet } from '../live/hooks.js';
import { useMay } from '../session/principal.js';
import { EmptyState } from '../ui/EmptyState.js';
import { bytesText, countText } from '../ui/format.js';
import { ProblemNotice } from '../ui/Notice.js';
import { Progress } from '../ui/Progress.js';
import { Badge, ImageStateDot } from '../ui/State.js';
import { Time } from '../ui/Time.js';
import layout from '../ui/layout.module.css';
import { ImportPanel } from './ImportPanel.js';
import { ImportProgress } from './ImportProgress.js';
import styles from './images.module.css';

const ImageRow = ({ image, users }: { readonly image: Image; readonly users: number }) => (
  <li className={styles['image']}>
    <div className={styles['imageName']}>
      <Link to="/images/$ref" params={{ ref: image.ref }}>
        {image.ref}
      </Link>
      <span>
        {[
          image.facts?.release?.name,
          image.facts?.architecture,
          image.tenant === null ? 'shared with all tenants' : undefined,
        ]
          .filter(Boolean)
          .join(' · ')}
      </span>
    </div>
    <ImageStateDot state={image.state} />
    {image.state === 'importing' ? (
      <ImportProgress image={image} />
    ) : (
      <div className={layout['row']}>
        {image.state === 'failed' ? (
          <span className={styles['reason']}>{image.stateReason}</span>
        ) : (
          image.facts?.models.map((model) => <Badge key={model}>{model}</Badge>)
        )}
      </div>
    )}
    <span className={styles['meta']}>
      {image.size === null ? '' : bytesText(image.size)}
      <span>{users === 0 ? 'used by none' : `used by ${countText(users, 'board')}`}</span>
      <Time at={image.createdAt} />
    </span>
  </li>
);

export const ImagesPage = () => {
  const images = useQuery(queries.images);
  const { devices } = useFleet();
  const mayImport = useMay('operator');
  const users = useMemo(() => {
    const counts = new Map<string, number>();
    for (const { assignment } of devices) {
      if (assignment !== null) counts.set(assignment.image, (counts.get(assignment.image) ?? 0) + 1);
    }
    return counts;
  }, [devices]);
  return (
    <div className={layout['page']}>
      <title>Images · Drover</title>
      <h1>Images</h1>
      {mayImport && <ImportPanel images={images.data ?? []} />}
      {images.isError && <ProblemNotice error={images.error} />}
      {images.isPending && <Progress label="Reading the images" done={0} total={null} />}
      {images.data?.length === 0 && (
        <EmptyState icon="image" title="There is no image yet">
          An image is what a board boots: the file that would go onto its SD card.
        </EmptyState>
      )}
      {images.data !== undefined && images.data.length > 0 && (
        <ul className={styles['images']} aria-label="Images">
          {images.data.map((image) => (
            <ImageRow key={image.id} image={image} users={users.get(image.id) ?? 0} />
          ))}
        </ul>
      )}
    </div>
  );
};
