import type { Image } from '@drover/contract';
import { useJobProgress } from '../live/hooks.js';
import { bytesText } from '../ui/format.js';
import { Progress } from '../ui/Progress.js';

/** How far the server is with an image that comes in. */
export const ImportProgress = ({ image }: { readonly image: Image }) => {
  const progress = useJobProgress(image.job);
  const text =
    progress === undefined
      ? 'The server reads it'
      : progress.unit === 'bytes'
        ? `${progress.step}: ${bytesText(progress.done)}${progress.total === null ? '' : ` of ${bytesText(progress.total)}`}`
        : `${progress.step}: ${progress.done}${progress.total === null ? '' : ` of ${progress.total}`}`;
  return (
    <Progress label={`Import of ${image.ref}`} done={progress?.done ?? 0} total={progress?.total ?? null} text={text} />
  );
};
