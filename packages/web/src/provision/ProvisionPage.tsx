import type { Image, RootMode } from '@drover/contract';
import { rootModes } from '@drover/contract';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState, type ReactNode } from 'react';
import { client } from '../api/client.js';
import { queries } from '../api/queries.js';
import { doToAll, works, type BulkOutcome } from '../fleet/bulk-work.js';
import { useFleet } from '../live/hooks.js';
import { deviceStore } from '../live/live.js';
import { useMay } from '../session/principal.js';
import { Button } from '../ui/Button.js';
import { ChoiceCards, SelectField, TextField } from '../ui/Field.js';
import { bytesText, countText } from '../ui/format.js';
import { Notice, ProblemNotice } from '../ui/Notice.js';
import layout from '../ui/layout.module.css';
import { BoardChoice } from './BoardChoice.js';
import { chosen } from './chosen.js';
import { anyOf, knownModel, problemsOf, targetOf, type Wish } from './plan.js';
import { firstRootMode, rootModeTexts, unfitRootMode } from './root-modes.js';
import styles from './provision.module.css';

const Step = ({
  number,
  title,
  children,
}: {
  readonly number: number;
  readonly title: string;
  readonly children: ReactNode;
}) => (
  <section className={layout['panel']} aria-label={title}>
    <h2 className={styles['step']}>
      <span>{number}</span>
      {title}
    </h2>
    {children}
  </section>
);

const spans: readonly (readonly [string, string])[] = [
  ['', 'Until somebody releases it'],
  ['3600', 'An hour'],
  ['14400', 'Four hours'],
  ['86400', 'A day'],
  ['604800', 'A week'],
];

interface Part {
  readonly wish: Wish;
  readonly image: Image | undefined;
  readonly change: (change: Partial<Wish>) => void;
}

const WhoStep = ({ wish, image, change }: Part) => {
  const { devices } = useFleet();
  return (
    <Step number={1} title="Which boards">
      <ChoiceCards
        legend="Boards"
        name="who"
        value={wish.who}
        choices={[
          { value: 'these', label: 'These boards', text: 'You say which.' },
          {
            value: 'any',
            label: 'Any one that fits',
            text: 'The server takes a free one. Two people never get the same.',
          },
        ]}
        onChange={(who) => {
          change({ who });
        }}
      />
      {wish.who === 'these' ? (
        <BoardChoice
          devices={devices}
          image={image}
          boards={wish.boards}
          onChange={(boards) => {
            change({ boards });
          }}
        />
      ) : (
        <div className={styles['pair']}>
          <SelectField
            label="Model"
            value={wish.model ?? ''}
            options={[
              { value: '', label: 'Any model that the image runs on' },
              ...(image?.facts?.models ?? []).map((value) => ({ value, label: value })),
            ]}
            onChange={(event) => {
              change({ model: knownModel(event.target.value) });
            }}
          />
          <TextField
            label="Labels"
            value={wish.selector}
            placeholder="rack=a,role=sign"
            hint="Left out: whatever its labels are"
            onChange={(event) => {
              change({ selector: event.target.value });
            }}
          />
        </div>
      )}
    </Step>
  );
};

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

const OptionStep = ({ wish, change }: Part) => (
  <Step number={4} title="Options">
    <div className={styles['pair']}>
      <SelectField
        label="Keep it"
        value={String(wish.ttlSeconds ?? '')}
        options={spans.map(([value, label]) => ({ value, label }))}
        onChange={(event) => {
          change({ ttlSeconds: event.target.value === '' ? undefined : Number(event.target.value) });
        }}
      />
      {wish.rootMode === 'nbd' && (
        <TextField
          label="Size of its disk, in GB"
          inputMode="decimal"
          value={wish.diskSize}
          placeholder="as large as the image"
          onChange={(event) => {
            change({ diskSize: event.target.value.trim() });
          }}
        />
      )}
    </div>
    <TextField
      label="More kernel parameters"
      value={wish.kernelParameters}
      placeholder="none"
      spellCheck={false}
      hint="Added to those of the image"
      onChange={(event) => {
        change({ kernelParameters: event.target.value });
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

const Wizard = () => {
  const { wish, change } = useWish();
  const images = useQuery(queries.images);
  const { devices } = useFleet();
  const navigate = useNavigate();
  const [error, setError] = useState<unknown>();
  const [refused, setRefused] = useState<readonly BulkOutcome[]>([]);
  const [isBusy, setBusy] = useState(false);
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
    await doToAll(boards, works.provision(targetOf(wish)), (outcome) => {
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
      else {
        const device = await client.devices.provision({ body: anyOf(wish) });
        deviceStore.put(device);
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
      <OptionStep {...part} />
      <section className={styles['review']} aria-label="Review">
        <div role="status">
          {missing.length > 0 ? (
            <p className={layout['muted']}>{missing.join(' ')}</p>
          ) : (
            <p>
              <strong>{whom}</strong> {wish.who === 'these' && boards.length > 1 ? 'get' : 'gets'}{' '}
              <strong>{wish.image}</strong>, {rootModeTexts[wish.rootMode].label.toLowerCase()}, and{' '}
              {wish.who === 'these' && boards.length > 1 ? 'boot' : 'boots'} it when switched on next.
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
  );
};

export const ProvisionPage = () => {
  const may = useMay('operator');
  return (
    <div className={`${layout['page']} ${layout['narrow']}`}>
      <title>Provision · Drover</title>
      <div>
        <h1>Provision</h1>
        <p className={layout['muted']}>Give boards an image, and watch them boot it.</p>
      </div>
      {may ? (
        <Wizard />
      ) : (
        <Notice tone="info" title="Your key may only look. To provision boards, log in with an operator's key." />
      )}
    </div>
  );
};
