import { pbkdf2Sync } from 'node:crypto';
import {
  firstBootLimits,
  FirstBootSettings,
  refusal,
  success,
  type FieldError,
  type FirstBootPut,
  type Result,
} from '@drover/contract';
import type { ToolRunner } from '@drover/tools';
import type { FirstBootReader, ReadFirstBoot } from '../../app/devices/first-boot.js';
import { readUserData } from './cloud-config.js';
import { readCustomToml, type Secrets } from './custom-toml.js';
import type { Draft, Read } from './read.js';
import { readYaml } from './yaml.js';

/** Reads custom.toml and cloud-init's documents. `tools` runs openssl, for plain passwords only. */
export const createFirstBootReader = (tools: Pick<ToolRunner, 'run'>): FirstBootReader => ({
  read: async ({ customToml, userData, metaData, networkConfig, ...fields }) => {
    const read = await readForm({ customToml, userData, ...fields }, secretsWith(tools));
    const documents = readDocuments({ metaData, networkConfig });
    const errors = [...('errors' in read ? read.errors : []), ...documents.errors];
    if ('errors' in read || errors.length > 0) return refuse(errors);
    return settle({ ...read.draft, userData, ...documents.draft }, read.warnings);
  },
});

async function readForm(
  { customToml, userData, ...fields }: Omit<FirstBootPut, 'metaData' | 'networkConfig'>,
  secrets: Secrets,
): Promise<Read> {
  if (customToml !== undefined) return readCustomToml(customToml, secrets);
  if (userData !== undefined) return readUserData(userData);
  return { draft: fields, warnings: [] };
}

/** Both are maps; what is in them is for cloud-init to judge. */
function readDocuments({ metaData, networkConfig }: Pick<FirstBootPut, 'metaData' | 'networkConfig'>): {
  readonly draft: Draft;
  readonly errors: FieldError[];
} {
  const meta = metaData === undefined ? undefined : readYaml(metaData, 'metaData');
  const network = networkConfig === undefined ? undefined : readYaml(networkConfig, 'networkConfig');
  return {
    draft: { networkConfig, metaData: meta?.ok === true ? (meta.map as Draft['metaData']) : undefined },
    errors: [meta, network].flatMap((each) => (each?.ok === false ? each.errors : [])),
  };
}

/** What the readers made is checked like what anybody sends. */
function settle(draft: Draft, warnings: string[]): Result<ReadFirstBoot> {
  const text = JSON.stringify(draft);
  if (Buffer.byteLength(text) > firstBootLimits.bytes)
    return refuse([{ field: '', message: `take more than ${firstBootLimits.bytes} bytes together` }]);
  const settings = FirstBootSettings.safeParse(JSON.parse(text));
  if (settings.success) return success({ settings: settings.data, warnings });
  return refuse(settings.error.issues.map(({ path, message }) => ({ field: path.join('.'), message })));
}

function refuse(errors: FieldError[]): Result<never> {
  const said = errors.slice(0, 3).map(({ field, message }) => `${field} ${message}`);
  const remedy = errors[0]?.remedy ?? 'Mend what is named. docs/how-to/first-boot.md shows each form.';
  return refusal('request.invalid', `The first-boot settings cannot be used: ${said.join('; ')}.`, { remedy, errors });
}

const secretsWith = (tools: Pick<ToolRunner, 'run'>): Secrets => ({
  hashPassword: async (password) => {
    const input = [Buffer.from(`${password}\n`)];
    const { stdout } = await tools.run('openssl', ['passwd', '-6', '-stdin'], {
      input: (async function* () {
        yield* input;
      })(),
    });
    return stdout.trim();
  },
  // As wpa_passphrase makes it (IEEE 802.11-2020, J.4.1).
  wpaKey: (ssid, passphrase) => pbkdf2Sync(passphrase, ssid, 4096, 32, 'sha1').toString('hex'),
});
