// The import rules of docs/architecture.md. One forbidden rule per sentence of the page.
const pkg = (name) => `^packages/${name}/`;
const others = (allowed) => `^packages/(?!(${allowed})/)`;
const builtin = (names) => `^(node:)?(${names})`;

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-deep-imports',
      comment: 'Another package is used through its index only.',
      severity: 'error',
      from: { path: '^packages/([^/]+)/' },
      to: { path: '^packages/[^/]+/src/', pathNot: ['^packages/$1/', '/index\\.ts$'] },
    },
    {
      name: 'contract-imports-zod-only',
      severity: 'error',
      from: { path: pkg('contract') + 'src' },
      to: { pathNot: [pkg('contract'), 'node_modules/zod'] },
    },
    {
      name: 'protocols-import-nothing',
      severity: 'error',
      from: { path: pkg('protocols') + 'src', pathNot: '\\.test\\.ts$' },
      to: { pathNot: [pkg('protocols')] },
    },
    {
      name: 'disk-image-imports-decoders-only',
      severity: 'error',
      from: { path: pkg('disk-image') + 'src', pathNot: '\\.test\\.ts$' },
      to: { pathNot: [pkg('disk-image'), builtin('zlib|stream|buffer'), 'node_modules/xz-decompress'] },
    },
    {
      name: 'documents-import-yaml-and-zod',
      severity: 'error',
      from: { path: pkg('documents') + 'src', pathNot: '\\.test\\.ts$' },
      to: { pathNot: [pkg('documents'), builtin('fs$'), 'node_modules/(yaml|zod)/'] },
    },
    {
      name: 'tools-import-contract',
      severity: 'error',
      from: { path: pkg('tools') + 'src' },
      to: { path: others('tools|contract') },
    },
    {
      name: 'debian-imports-contract-documents-tools',
      severity: 'error',
      from: { path: pkg('debian') + 'src' },
      to: { path: others('debian|contract|documents|tools') },
    },
    {
      name: 'initramfs-imports-contract-disk-image-tools-debian',
      severity: 'error',
      from: { path: pkg('initramfs') + 'src' },
      to: { path: others('initramfs|contract|disk-image|tools|debian') },
    },
    {
      name: 'builder-imports-libraries-only',
      severity: 'error',
      from: { path: pkg('builder') + 'src' },
      to: { path: others('builder|contract|disk-image|documents|tools|debian|initramfs') },
    },
    {
      name: 'card-imports-contract-disk-image-tools',
      severity: 'error',
      from: { path: pkg('card') + 'src' },
      to: { path: others('card|contract|disk-image|tools') },
    },
    {
      name: 'domain-imports-contract-only',
      comment: 'Digests (node:crypto) are pure computing.',
      severity: 'error',
      from: { path: '^packages/server/src/domain', pathNot: '\\.test\\.ts$' },
      to: { pathNot: ['^packages/server/src/domain', pkg('contract'), builtin('crypto$')] },
    },
    {
      name: 'app-imports-domain-contract-ports',
      severity: 'error',
      from: { path: '^packages/server/src/app', pathNot: '\\.test\\.ts$' },
      to: {
        pathNot: ['^packages/server/src/(app|domain)', pkg('contract'), builtin('crypto$')],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'adapters-never-import-each-other',
      severity: 'error',
      from: { path: '^packages/server/src/adapters/([^/]+)/', pathNot: '\\.test\\.ts$' },
      to: { path: '^packages/server/src/adapters/', pathNot: '^packages/server/src/adapters/$1/' },
    },
    {
      name: 'adapters-import-no-listeners',
      severity: 'error',
      from: { path: '^packages/server/src/adapters' },
      to: { path: '^packages/server/src/(listeners|control-plane|boot-plane|main)' },
    },
    {
      name: 'listeners-import-no-adapters',
      severity: 'error',
      from: { path: '^packages/server/src/listeners', pathNot: '\\.test\\.ts$' },
      to: { path: '^packages/server/src/(adapters|control-plane|boot-plane|main|config)' },
    },
    {
      name: 'sdk-imports-contract',
      severity: 'error',
      from: { path: pkg('sdk') + 'src' },
      to: { path: others('sdk|contract') },
    },
    {
      name: 'web-imports-sdk-contract',
      comment: 'And nothing of Node: it runs in browsers.',
      severity: 'error',
      from: { path: pkg('web') + 'src', pathNot: '\\.test\\.ts$' },
      to: { path: [others('web|sdk|contract'), '^(node:|fs$|path$)'] },
    },
    {
      name: 'cli-imports-sdk-contract',
      comment:
        'serve may start the server, simulate the simulator, doctor the doctor, build the builder, card write cards.',
      severity: 'error',
      from: { path: pkg('cli') + 'src', pathNot: 'src/commands/(serve|simulate|doctor|(build|card)/[a-z-]+)\\.ts$' },
      to: { path: others('cli|sdk|contract') },
    },
    {
      name: 'bosh-cpi-imports-sdk-contract',
      severity: 'error',
      from: { path: pkg('bosh-cpi') + 'src' },
      to: { path: others('bosh-cpi|sdk|contract') },
    },
    {
      name: 'simulator-never-imports-protocols',
      severity: 'error',
      from: { path: pkg('simulator') + 'src' },
      to: { path: others('simulator|contract|sdk') },
    },
    {
      name: 'doctor-imports-contract-sdk-simulator',
      severity: 'error',
      from: { path: pkg('doctor') + 'src', pathNot: '\\.test\\.ts$' },
      to: { path: others('doctor|contract|sdk|simulator') },
    },
    {
      name: 'doctor-decides-purely',
      comment: 'The table of faults is for dashboards as well: what looks at networks is in its probes.',
      severity: 'error',
      from: { path: '^packages/doctor/src/(?!probes/)', pathNot: '\\.test\\.ts$' },
      to: { path: ['^packages/doctor/src/probes/', '^packages/(sdk|simulator)/', '^node:', '^[a-z_]+$'] },
    },
    {
      name: 'sockets-files-processes-only-at-the-edge',
      severity: 'error',
      from: {
        path: '^packages/(contract|protocols|disk-image)/src|^packages/builder/src/(recipe|lint)|^packages/card/src/(settings|list)/|^packages/server/src/(domain|app)',
        pathNot: '\\.test\\.ts$',
      },
      to: {
        path: builtin('net|dgram|tls|http|https|http2|fs|child_process|worker_threads|cluster'),
        dependencyTypesNot: ['type-only'],
      },
    },
    { name: 'no-unresolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|bundle)/|\\.d\\.ts$' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['drover-source', 'import', 'node', 'default', 'types'],
    },
  },
};
