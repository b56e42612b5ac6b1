import type { Image, RootMode } from '@drover/contract';
import { rootModes } from '@drover/contract';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { client } from '../api/client.js';
import { queries } from '../api/queries.js';
import { doToAll, works, type BulkOutcome, type BulkWork } from '../fleet/bulk-work.js';
import { useFleet } from '../live/hooks.js';
import { deviceStore } from '../live/live.js';
import { useMay } from '../session/principal.js';
import { Button } from '../ui/Button.js';
import { ChoiceCards, SelectField } from '../ui/Field.js';
import { bytesText, countText } from '../ui/format.js';
import { Notice, ProblemNotice, textOfError } from '../ui/Notice.js';
import layout from '../ui/layout.module.css';
import { FileDialog } from '../files/FileDialog.js';
import { noFirstBoot } from '../first-boot/model.js';
import { chosen } from './chosen.js';
import { OptionStep } from './OptionStep.js';
import { anyOf, problemsOf, targetOf, waits, type Wish } from './plan.js';
import { firstRootMode, rootModeTexts, unfitRootMode } from './root-modes.js';
import { Step, type Part } from './Step.js';
import { Requests, RequestPanel } from './Requests.js';
import { WhoStep } from './WhoStep.js';
import styles from './provision.module.css';

const ImageStep = ({ wish, image, change, images }: Part & { readonly images: readonly Image[] }) => (
  <Step number={2} title="Which image">
    {images.length === 0 ? (
      <Notice tone="info" title="There is no image that is ready">
        <p>
          <Link to="/images">Import one</Link>: an SD-card image, as its vendor has it.
        </p>
      </Notice>
    ) : (
      <SelectField
        label="Image"
        value={wish.image}
        options={[
          { value: '', label: 'Choose an image' },
          ...images.map(({ ref, size }) => ({
            value: ref,
            label: size === null ? ref : `${ref}  (${bytesText(size)})`,
          })),
        ]}
        hint={image?.facts == null ? undefined : `Runs on ${image.facts.models.join(', ')}`}
        onChange={(event) => {
          const next = images.find(({ ref }) => ref === event.target.value);
          const keeps = unfitRootMode(next, wish.rootMode) === undefined;
          change({ image: event.target.value, ...(keeps ? {} : { rootMode: firstRootMode(next) }) });
        }}
      />
    )}
  </Step>
);

const ModeStep = ({ wish, image, change }: Part) => (
  <Step number={3} title="Where its system lives">
    <ChoiceCards<RootMode>
      legend="Root mode"
      name="root-mode"
      value={wish.rootMode}
      choices={rootModes.map((value) => ({ value, ...rootModeTexts[value], unfit: unfitRootMode(image, value) }))}
      onChange={(rootMode) => {
        change({ rootMode });
      }}
    />
  </Step>
);

const useWish = () => {
  const search = useSearch({ from: '/provision' });
  const [wish, setWish] = useState<Wish>(() => ({
    who: 'these',
    boards: new Set(chosen.get()),
    model: undefined,
    selector: '',
    image: search.image ?? '',
    rootMode: 'ram',
    diskSize: '',
    kernelParameters: '',
    ttlSeconds: undefined,
    memoryMiB: undefined,
    site: '',
    spread: '',
    waitSeconds: undefined,
    firstBoot: noFirstBoot,
    files: [],
  }));
  return {
    wish,
    change: (change: Partial<Wish>) => {
      setWish((now) => ({ ...now, ...change }));
    },
  };
};

const Refused = ({ outcomes }: { readonly outcomes: readonly BulkOutcome[] }) => (
  <Notice tone="bad" title={`${countText(outcomes.length, 'board')} could not be provisioned`}>
    {outcomes.map(({ name, text }) => (
      <p key={name}>
        <strong>{name}:</strong> {text}
      </p>
    ))}
  </Notice>
);

const putFiles = async (device: string, files: Wish['files']): Promise<void> => {
  for (const body of files) {
    try {
      await client.deviceFiles.put({ params: { ref: device }, body });
    } catch (error) {
      throw new Error(`It has its image, and not the file ${body.path}: ${textOfError(error)}`, { cause: error });
    }
  }
};

/** A board has its files before anybody is told that it has its image. */
const withFiles =
  (work: BulkWork, files: Wish['files']): BulkWork =>
  async (device) => {
    const changed = await work(device);
    await putFiles(device.id, files);
    return changed;
  };

const Wizard = () => {
  const { wish, change } = useWish();
  const images = useQuery(queries.images);
  const { devices } = useFleet();
  const navigate = useNavigate();
  const [error, setError] = useState<unknown>();
  const [refused, setRefused] = useState<readonly BulkOutcome[]>([]);
  const [isBusy, setBusy] = useState(false);
  const [isAddingFile, setAddingFile] = useState(false);
  const ready = (images.data ?? []).filter(({ state }) => state === 'ready');
  const image = ready.find(({ ref, id }) => ref === wish.image || id === wish.image);
  // Those that were chosen elsewhere may be in use by now.
  const boards = devices.filter(({ id, state }) => wish.boards.has(id) && state === 'available');
  const current = { ...wish, boards: new Set(boards.map(({ id }) => id)) };
  const missing = problemsOf(current, image);
  const part: Part = { wish: current, image, change };

  const goTo = (name: string): void => {
    chosen.set([]);
    void navigate({ to: '/devices/$ref', params: { ref: name } });
  };
  const takeThese = async (): Promise<void> => {
    const failed: BulkOutcome[] = [];
    const work = withFiles(works.provision(targetOf(current)), wish.files);
    await doToAll(boards, work, (outcome) => {
      if (!outcome.isDone) failed.push(outcome);
    });
    setRefused(failed);
    if (failed.length > 0) return;
    const [only] = boards;
    if (boards.length === 1 && only !== undefined) goTo(only.name);
    else void navigate({ to: '/', search: { image: wish.image } });
  };
  const run = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      if (wish.who === 'these') await takeThese();
      else if (wish.waitSeconds !== undefined) {
        const body = { ...anyOf(wish), waitSeconds: wish.waitSeconds };
        const request = await client.requests.create({ body });
        void navigate({ to: '/provision', search: { request: request.id } });
      } else {
        const device = await client.devices.provision({ body: anyOf(wish) });
        deviceStore.put(device);
        await putFiles(device.id, wish.files);
        goTo(device.name);
      }
    } catch (failed) {
      setError(failed);
    }
    setBusy(false);
  };
  const whom =
    wish.who === 'any'
      ? 'One board that fits'
      : boards.length === 1
        ? (boards[0]?.name ?? '')
        : countText(boards.length, 'board');
  return (
    <>
      <form
        className={styles['wizard']}
        onSubmit={(event) => {
          event.preventDefault();
          if (missing.length === 0) void run();
        }}
      >
        <WhoStep {...part} />
        <ImageStep {...part} images={ready} />
        <ModeStep {...part} />
        <OptionStep
          {...part}
          onAddFile={() => {
            setAddingFile(true);
          }}
        />
        <section className={styles['review']} aria-label="Review">
          <div role="status">
            {missing.length > 0 ? (
              <p className={layout['muted']}>{missing.join(' ')}</p>
            ) : (
              <p>
                <strong>{whom}</strong> {wish.who === 'these' && boards.length > 1 ? 'get' : 'gets'}{' '}
                <strong>{wish.image}</strong>, {rootModeTexts[wish.rootMode].label.toLowerCase()}, and{' '}
                {wish.who === 'these' && boards.length > 1 ? 'boot' : 'boots'} it when switched on next.
                {waits(wish) && ' It waits for one that is free.'}
              </p>
            )}
          </div>
          <Button kind="primary" type="submit" icon="provision" busy={isBusy} disabled={missing.length > 0}>
            Provision
          </Button>
        </section>
        {error !== undefined && <ProblemNotice error={error} />}
        {refused.length > 0 && <Refused outcomes={refused} />}
      </form>
      {isAddingFile && (
        <FileDialog
          onFile={(file) => {
            change({ files: [...wish.files.filter(({ path }) => path !== file.path), file] });
            return Promise.resolve();
          }}
          onClose={() => {
            setAddingFile(false);
          }}
        />
      )}
    </>
  );
};

export const ProvisionPage = () => {
  const may = useMay('operator');
  const { request } = useSearch({ from: '/provision' });
  return (
    <div className={`${layout['page']} ${layout['narrow']}`}>
      <title>Provision · Drover</title>
      <div>
        <h1>Provision</h1>
        <p className={layout['muted']}>Give boards an image, and watch them boot it.</p>
      </div>
      {request !== undefined ? <RequestPanel id={request} /> : <Requests />}
      {may ? (
        request === undefined && <Wizard />
      ) : (
        <Notice tone="info" title="Your key may only look. To provision boards, log in with an operator's key." />
      )}
    </div>
  );
};
