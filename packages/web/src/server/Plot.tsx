import type { ServerStats } from '@drover/contract';
import { useEffect, useRef, useState } from 'react';
import UPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useTheme } from '../shell/theme.js';
import { useMedia } from '../ui/use-media.js';
import { valueText, type PlotSpec, type PlotUnit } from './plots.js';
import { figuresOf } from './stats.js';
import styles from './server.module.css';

/** Colour is not the only sign: each line is dashed in its own way, as its sample beside the name is. */
const dashes: readonly (readonly number[])[] = [[], [6, 4], [2, 3], [10, 3, 2, 3], [12, 4], [1, 4]];
const height = 150;
/** A server that has just begun is drawn with room to its left. */
const leastSeconds = 600;
/** What an axis reaches at least: next to nothing should look like that. */
const leastTop = { bytesRate: 10_000, rate: 1, count: 1, ms: 1, bytes: 1_000_000 } as const satisfies Record<
  PlotUnit,
  number
>;

const axisText = (value: number, unit: PlotUnit): string => valueText(value, unit).replace(/\.0(?= )/, '');

const dataOf = (stats: ServerStats, spec: PlotSpec): UPlot.AlignedData => [
  stats.at,
  ...spec.series.map(({ name }) => stats.series[name]),
];

interface Look {
  readonly text: string;
  readonly line: string;
  readonly font: string;
  readonly colours: readonly string[];
}

/** What the page's style says at this moment: a canvas takes nothing from it by itself. */
const lookOf = (box: HTMLElement): Look => {
  const own = getComputedStyle(box);
  const size = Number.parseFloat(own.fontSize);
  return {
    ...{ text: own.color, line: own.borderTopColor, font: `${size}px ${own.fontFamily}` },
    colours: [...box.querySelectorAll('[data-sample]')].map((sample) => getComputedStyle(sample).color),
  };
};

const optionsOf = (
  spec: PlotSpec,
  look: Look,
  width: number,
  onMoment: (index: number | null) => void,
): UPlot.Options => {
  const axis = { stroke: look.text, font: look.font, grid: { stroke: look.line, width: 1 }, ticks: { show: false } };
  return {
    ...{ width, height },
    legend: { show: false },
    cursor: { sync: { key: 'server' }, drag: { x: false, y: false }, points: { size: 7 } },
    scales: {
      x: { range: (_plot, first, last) => [Math.min(first ?? 0, (last ?? 0) - leastSeconds), last ?? 0] },
      y: {
        range: (_plot, low, high) => {
          const [least, most] = [low ?? 0, high ?? 0];
          if (spec.fromZero) return [0, Math.max(most * 1.08, leastTop[spec.unit])];
          const room = Math.max((most - least) * 0.2, most * 0.01, 1);
          return [Math.max(0, least - room), most + room];
        },
      },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 26,
        space: 60,
        incrs: [60, 120, 300, 600, 900, 1800],
        values: (_plot, moments) =>
          moments.map((at) =>
            new Date(at * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hour12: false }),
          ),
      },
      {
        ...axis,
        size: 78,
        space: 38,
        values: (_plot, values) =>
          values.map((value) => (spec.unit === 'count' && !Number.isInteger(value) ? '' : axisText(value, spec.unit))),
      },
    ],
    series: [
      {},
      ...spec.series.map(({ label }, index) => ({
        label,
        stroke: look.colours[index] ?? look.text,
        width: 1.75,
        dash: [...(dashes[index] ?? [])],
        points: { show: false },
      })),
    ],
    hooks: {
      setCursor: [
        (plot) => {
          onMoment(plot.cursor.idx ?? null);
        },
      ],
    },
  };
};

/** A small plot of the last hour. Its text says the same: what is now (or where the pointer is), and the most there was. */
export const Plot = ({ spec, stats }: { readonly spec: PlotSpec; readonly stats: ServerStats }) => {
  const box = useRef<HTMLElement>(null);
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot>(undefined);
  const latest = useRef(stats);
  const [moment, setMoment] = useState<number | null>(null);
  const theme = useTheme();
  const isDark = useMedia('(prefers-color-scheme: dark)');

  useEffect(() => {
    if (box.current === null || place.current === null) return undefined;
    const target = place.current;
    const options = optionsOf(spec, lookOf(box.current), Math.max(target.clientWidth, 160), setMoment);
    const drawn = new UPlot(options, dataOf(latest.current, spec), target);
    plot.current = drawn;
    const observer = new ResizeObserver(() => {
      drawn.setSize({ width: Math.max(target.clientWidth, 160), height });
    });
    observer.observe(target);
    return () => {
      observer.disconnect();
      drawn.destroy();
      plot.current = undefined;
    };
  }, [spec, theme, isDark]);
  useEffect(() => {
    latest.current = stats;
    plot.current?.setData(dataOf(stats, spec));
  }, [spec, stats]);

  const at = moment === null ? undefined : stats.at[moment];
  return (
    <figure ref={box} className={styles['plot']} aria-label={spec.title}>
      <figcaption>
        <h2>{spec.title}</h2>
        <span>{at === undefined ? 'now' : new Date(at * 1000).toLocaleTimeString()}</span>
      </figcaption>
      <div ref={place} className={styles['canvas']} aria-hidden="true" />
      <table>
        <thead className="visually-hidden">
          <tr>
            <th scope="col">What</th>
            <th scope="col">Now</th>
            <th scope="col">Most in the last hour</th>
          </tr>
        </thead>
        <tbody>
          {spec.series.map(({ name, label }, index) => {
            const { now, most } = figuresOf(stats, name);
            return (
              <tr key={name}>
                <th scope="row">
                  <svg width="22" height="8" data-sample={index} aria-hidden="true" focusable="false">
                    <path
                      d="M1 4h20"
                      stroke="currentColor"
                      strokeWidth="2"
                      strokeDasharray={dashes[index]?.join(' ')}
                    />
                  </svg>
                  {label}
                </th>
                <td>{valueText(moment === null ? now : stats.series[name][moment], spec.unit)}</td>
                <td>most {valueText(most, spec.unit)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </figure>
  );
};
