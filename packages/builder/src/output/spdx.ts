import type { BuiltPackage, ImageManifest } from './manifest.js';

/** Letters, digits, dots and hyphens are all an SPDX id may have (SPDX 2.3, 7.2); names of packages have a plus too, and no capitals. */
const idOf = (text: string): string => `SPDXRef-${text.replaceAll('+', 'PLUS').replace(/[^A-Za-z0-9.-]/g, '-')}`;

/** purl-spec, type deb. */
const purl = ({ name, version, architecture }: BuiltPackage): string =>
  `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}`;

const unknown = 'NOASSERTION';

const packageOf = (each: BuiltPackage): object => ({
  ...{ SPDXID: idOf(`Package-${each.name}-${each.architecture}`), name: each.name, versionInfo: each.version },
  ...{ downloadLocation: unknown, filesAnalyzed: false, licenseConcluded: unknown, licenseDeclared: unknown },
  ...{ copyrightText: unknown, sourceInfo: `built from the source package ${each.source}` },
  ...(each.sha256 === undefined ? {} : { checksums: [{ algorithm: 'SHA256', checksumValue: each.sha256 }] }),
  externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl(each) }],
});

/** The bill of materials of an image as SPDX 2.3 in JSON: the image, and each package in it. The same for the same image. */
export const spdxText = (manifest: ImageManifest): string => {
  const root = idOf(`Image-${manifest.name}`);
  const rootfs = manifest.files['rootfs.sqsh'];
  const image = {
    ...{ SPDXID: root, name: manifest.name, versionInfo: manifest.version, downloadLocation: unknown },
    ...{ filesAnalyzed: false, licenseConcluded: unknown, licenseDeclared: unknown, copyrightText: unknown },
    primaryPackagePurpose: 'OPERATING-SYSTEM',
    ...(rootfs === undefined ? {} : { checksums: [{ algorithm: 'SHA256', checksumValue: rootfs.sha256 }] }),
  };
  const packages = manifest.packages.map(packageOf) as { SPDXID: string }[];
  const document = {
    ...{ spdxVersion: 'SPDX-2.3', dataLicense: 'CC0-1.0', SPDXID: 'SPDXRef-DOCUMENT' },
    name: `${manifest.name}:${manifest.version}`,
    // Unique to what is described, so that it may be the same each time (SPDX 2.3, 6.5).
    documentNamespace: `urn:drover:image:${manifest.name}:${manifest.version}:${rootfs?.sha256 ?? manifest.recipe.digest}`,
    creationInfo: {
      created: new Date(manifest.sourceDateEpoch * 1000).toISOString().replace('.000Z', 'Z'),
      creators: ['Tool: drover'],
    },
    packages: [image, ...packages],
    relationships: [
      { spdxElementId: 'SPDXRef-DOCUMENT', relationshipType: 'DESCRIBES', relatedSpdxElement: root },
      ...packages.map(({ SPDXID }) => ({
        ...{ spdxElementId: root, relationshipType: 'CONTAINS', relatedSpdxElement: SPDXID },
      })),
    ],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
};
