/** Line drawings on a grid of 20. They stand beside words, so they are hidden from screen readers. */
const paths = {
  fleet: 'M3 4h6v5H3zM11 4h6v5h-6zM3 11h6v5H3zM11 11h6v5h-6z',
  image: 'M4 3.5h12v13H4zM4 12.5h12M7 14.5h3',
  start: 'M10 2.5v6M6.2 5.2a6.5 6.5 0 1 0 7.6 0',
  provision: 'M10 13V3M6 7l4-4 4 4M4 12v4h12v-4',
  events: 'M3 10h3l2-6 4 12 2-6h3',
  audit: 'M5 2.5h7l3 3v12H5zM8 9h4M8 12h4',
  keys: 'M7.2 6.2a3.8 3.8 0 1 1-.1 0M10.8 10h7M15 10v3M17.8 10v2',
  server: 'M3 4h14v5H3zM3 11h14v5H3zM6 6.5h.1M6 13.5h.1M9 6.5h5M9 13.5h5',
  build: 'M10 2.5l7 3.5-7 3.5L3 6zM3 10l7 3.5 7-3.5M3 14l7 3.5 7-3.5',
  disk: 'M4 6c0-4 12-4 12 0v8c0 4-12 4-12 0zM4 6c0 4 12 4 12 0M4 10c0 4 12 4 12 0',
  menu: 'M3 5.5h14M3 10h14M3 14.5h14',
  close: 'M5 5l10 10M15 5L5 15',
  search: 'M9 3.5a5.5 5.5 0 1 1-.1 0M13 13l4 4',
  check: 'M4 10.5l4 4 8-9',
  warning: 'M10 3l7.5 13.5h-15zM10 8v4M10 14.2v.1',
  error: 'M10 2.5a7.5 7.5 0 1 1-.1 0M10 6v5M10 13.8v.1',
  info: 'M10 2.5a7.5 7.5 0 1 1-.1 0M10 9v5M10 6.2v.1',
  copy: 'M7 7h9v10H7zM4 13V3h9',
  more: 'M4.5 10h.1M10 10h.1M15.5 10h.1',
  upload: 'M10 13V4M6.5 7.5L10 4l3.5 3.5M4 13v3h12v-3',
  sun: 'M10 6.5a3.5 3.5 0 1 1-.1 0M10 1.5v2M10 16.5v2M1.5 10h2M16.5 10h2M4 4l1.4 1.4M14.6 14.6L16 16M16 4l-1.4 1.4M5.4 14.6L4 16',
  back: 'M12 4l-6 6 6 6',
  wire: 'M2 10h4l1.5-4 3 8 2-6 1 2H18',
  doctor: 'M10 2.5a7.5 7.5 0 1 1-.1 0M10 6.5v7M6.5 10h7',
  power: 'M10 2.5v7M6 5a6.3 6.3 0 1 0 8 0',
  list: 'M3 5h14M3 10h14M3 15h14',
} as const;

export type IconName = keyof typeof paths;

export const Icon = ({ name, size = 18 }: { readonly name: IconName; readonly size?: number }) => (
  <svg
    width={size}
    height={size}
    viewBox="0 0 20 20"
    fill="none"
    stroke="currentColor"
    strokeWidth={name === 'more' ? 3 : 1.6}
    strokeLinecap="round"
    strokeLinejoin="round"
    aria-hidden="true"
    focusable="false"
  >
    <path d={paths[name]} />
  </svg>
);
