import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { queries } from '../api/queries.js';
import { useFleet } from '../live/hooks.js';

const short = (id: string): string => (id.length > 22 ? `${id.slice(0, 8)}…${id.slice(-6)}` : id);

const DeviceName = ({ id }: { readonly id: string }) => {
  const { byId } = useFleet();
  const device = byId.get(id);
  return device === undefined ? (
    <code title={id}>{short(id)}</code>
  ) : (
    <Link to="/devices/$ref" params={{ ref: device.name }}>
      {device.name}
    </Link>
  );
};

const ImageName = ({ id }: { readonly id: string }) => {
  const images = useQuery(queries.images);
  const image = images.data?.find((each) => each.id === id);
  return image === undefined ? (
    <code title={id}>{short(id)}</code>
  ) : (
    <Link to="/images/$ref" params={{ ref: image.ref }}>
      {image.ref}
    </Link>
  );
};

/** What an id names, by the name people know and with the way to it, where there is one. */
export const Subject = ({ id }: { readonly id: string }) => {
  const kind = id.slice(0, id.indexOf('_'));
  if (kind === 'dev') return <DeviceName id={id} />;
  if (kind === 'img') return <ImageName id={id} />;
  if (kind === 'bld')
    return (
      <Link to="/builds/$id" params={{ id }}>
        build {id.slice(-6)}
      </Link>
    );
  if (kind === 'job')
    return (
      <Link to="/jobs" search={{ job: id }}>
        job {id.slice(-6)}
      </Link>
    );
  return <code title={id}>{short(id)}</code>;
};
