import type { Fault } from '../fault.js';

/** A board that was played and did not come up: what the server says of that boot counts, and the step where it stopped otherwise. */
export const simulationFaults: readonly Fault[] = [
  {
    id: 'simulation-failed',
    number: null,
    severity: 'error',
    find: (it) =>
      it
        .of('simulation')
        .filter(({ outcome }) => outcome === 'failed')
        .map((played) => {
          const { model, step, message, verdict } = played;
          const where = step === null ? '' : ` at the step ${step}`;
          return {
            message: `A simulated ${model} did not come up: it stopped${where} (${message})${verdict === null ? '' : `. ${verdict.message}`}`,
            from: [played],
            ...(verdict === null ? {} : { fault: verdict.fault, remedy: verdict.remedy }),
          };
        }),
    remedy: 'See the other findings first; then follow the step in docs/troubleshooting.md, or watch it with --json.',
  },
];
