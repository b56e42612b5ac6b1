import type { CommandSpec, GroupSpec } from '../command.js';
import { wait } from './options.js';

const action = (name: 'on' | 'off' | 'cycle' | 'query', summary: string, examples: readonly string[]): CommandSpec => ({
  ...{ usage: `${name} [device]`, summary, examples },
  options: [['--label <k=v...>', 'every device with these labels that can be switched'], ...wait],
  load: async () => (await import('../actions/power.js'))[name],
});

/** Commands that switch boards. */
export const power: GroupSpec = {
  name: 'power',
  summary: 'switch boards on and off, through plugs, PoE ports or programs',
  commands: [
    action('on', 'Switch a device on', ['drover power on sign-17', 'drover power on --label rack=a']),
    action('off', 'Switch a device off, without asking its system', ['drover power off sign-17']),
    action('cycle', 'Off, a second, on', ['drover power cycle sign-17']),
    action('query', 'Ask the driver whether a device has power', ['drover power query sign-17']),
    {
      usage: 'set <device>',
      summary: 'Say what switches a device (admin)',
      examples: [
        'drover power set sign-17 --driver switch-2 --value port=7',
        'drover power set sign-17 --driver plugs --value address=192.0.2.40',
        'drover power set sign-17 --none',
      ],
      options: [
        ['--driver <name>', 'a driver of the settings of the server: see `drover power drivers`'],
        ['--value <name=value...>', 'what the driver must know of this device'],
        ['--none', 'nothing switches it any more'],
      ],
      load: async () => (await import('../actions/power.js')).set,
    },
    {
      usage: 'drivers',
      summary: 'What can switch devices, by the settings of the server',
      examples: ['drover power drivers'],
      load: async () => (await import('../actions/power.js')).drivers,
    },
  ],
};
