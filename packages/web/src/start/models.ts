/** How each kind of board is told to boot from the network. Facts: Raspberry Pi's documentation of network boot and of the bootloader's configuration. */
export interface ModelGuide {
  readonly id: string;
  readonly title: string;
  readonly text: string;
  readonly steps: readonly { readonly text: string; readonly command?: string }[];
}

export const modelGuides: readonly ModelGuide[] = [
  {
    id: 'pi5',
    title: 'Pi 5, 500, CM5 · Pi 4, 400, CM4',
    text: 'The bootloader in their EEPROM can do it, and does not try it as it comes from the factory. Once, with any Raspberry Pi OS on a card:',
    steps: [
      { text: 'Open the settings of the bootloader', command: 'sudo -E rpi-eeprom-config --edit' },
      {
        text: 'Set the order to network first, then the card, and begin anew (read from right to left: 2 is the network, 1 the card, f begins anew)',
        command: 'BOOT_ORDER=0xf12',
      },
      { text: 'Save, restart, take the card out. From now on the board asks the network by itself.' },
    ],
  },
  {
    id: 'pi3plus',
    title: 'Pi 3B+, CM3+',
    text: 'They leave the factory with network boot on.',
    steps: [{ text: 'Leave the card out, plug in network and power. Nothing else.' }],
  },
  {
    id: 'pi3',
    title: 'Pi 3B, Pi 2B v1.2',
    text: 'A switch in the chip, set once and for good. With Raspberry Pi OS on a card:',
    steps: [
      { text: 'Add this line to config.txt and start the board once', command: 'program_usb_boot_mode=1' },
      { text: 'Look whether it is set: this must say 17:3020000a', command: 'vcgencmd otp_dump | grep 17:' },
      {
        text: 'Take the line out again, and the card. If the board is not heard, give it a card with nothing but bootcode.bin: its built-in program gives up after five tries.',
      },
    ],
  },
  {
    id: 'card',
    title: 'Zero, Zero 2 W, Pi 1, or boards on Wi-Fi',
    text: 'They cannot boot from a cable: Wi-Fi never boots, and some have no network socket. A small card asks this server instead.',
    steps: [
      {
        text: 'Write a card that does it, on a machine with Drover and a card reader',
        command: 'drover card write --help',
      },
    ],
  },
];
