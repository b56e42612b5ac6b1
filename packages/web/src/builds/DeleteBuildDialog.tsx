import type { Build } from '@drover/contract';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { client } from '../api/client.js';
import { queryClient } from '../api/queries.js';
import { isUnfinished } from '../jobs/model.js';
import { Button } from '../ui/Button.js';
import { Dialog } from '../ui/Dialog.js';
import { Notice, ProblemNotice } from '../ui/Notice.js';

export const DeleteBuildDialog = ({ build, onClose }: { readonly build: Build; readonly onClose: () => void }) => {
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const navigate = useNavigate();
  const remove = async (): Promise<void> => {
    setBusy(true);
    try {
      await client.builds.delete({ params: { id: build.id } });
      queryClient.removeQueries({ queryKey: ['builds', build.id] });
      void queryClient.invalidateQueries({ queryKey: ['builds'] });
      void navigate({ to: '/builds' });
    } catch (refused) {
      setError(refused);
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={`Delete this build of ${build.recipe}`}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>{error === undefined ? 'Cancel' : 'Close'}</Button>
          <Button kind="danger" busy={isBusy} onClick={() => void remove()}>
            Delete the build
          </Button>
        </>
      }
    >
      <p>
        Its log and its files are deleted.{' '}
        {build.image === null ? 'It has made no image.' : `The image ${build.image} stays; delete it on its own page.`}
      </p>
      {isUnfinished(build) && (
        <Notice tone="warn" title="It is not over: the server will refuse.">
          Cancel it first.
        </Notice>
      )}
      {build.pinned && (
        <Notice tone="warn" title="It is pinned: the server will refuse.">
          Unpin it first.
        </Notice>
      )}
      {error !== undefined && <ProblemNotice error={error} />}
    </Dialog>
  );
};
