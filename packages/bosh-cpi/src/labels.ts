// What a director tells of a VM, as labels of the board it runs on. Pure.

const labelPrefix = 'bosh/';
const mostLabels = 64;
type Labels = Readonly<Record<string, string>>;

/** Labels of a board without those of a VM. */
export const withoutVmLabels = (labels: Labels): Record<string, string> =>
  Object.fromEntries(Object.entries(labels).filter(([key]) => !key.startsWith(labelPrefix)));

/** Labels of a board with those that tell of its VM, in place of what it had of these. What has no place or no form of a label is made to fit or left out. */
export const withVmLabels = (labels: Labels, metadata: Readonly<Record<string, unknown>>): Record<string, string> => {
  const own = withoutVmLabels(labels);
  const told = Object.entries(metadata).flatMap(([key, value]) => {
    const name = key
      .toLowerCase()
      .replaceAll(/[^a-z0-9._-]+/g, '-')
      .replaceAll(/^[^a-z0-9]+|[^a-z0-9]+$/g, '')
      .slice(0, 58);
    const isText = ['string', 'number', 'boolean'].includes(typeof value);
    if (name === '' || !/[a-z0-9]$/.test(name) || !isText) return [];
    return [
      [
        `${labelPrefix}${name}`,
        String(value)
          .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
          .slice(0, 63),
      ] as const,
    ];
  });
  return { ...own, ...Object.fromEntries(told.slice(0, mostLabels - Object.keys(own).length)) };
};

/** Labels of a VM's own among those of a board. */
export const vmLabels = (labels: Labels): Record<string, string> =>
  Object.fromEntries(
    Object.entries(labels)
      .filter(([key]) => key.startsWith(labelPrefix))
      .map(([key, value]) => [key.slice(labelPrefix.length), value]),
  );
