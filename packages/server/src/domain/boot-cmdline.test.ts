import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyText } from '../../test/boot/arbitrary.js';
import { renderCmdline } from './boot-cmdline.js';

const session = { id: 'bs_01JZ5M8K7Q2W3E4R5T6Y7V8B9N', secret: 'f'.repeat(32), serverUrl: 'http://10.0.0.1:8081' };
const ours = `drover.url=http://10.0.0.1:8081 drover.session=${session.id} drover.secret=${session.secret} drover.mode=ram drover.hostname=sign-17`;
const render = (text: string, kernelParameters = '') =>
  renderCmdline(text, { rootMode: 'ram', kernelParameters }, { hostname: 'sign-17' }, session);

describe('the rendered command line', () => {
  it.each([
    [
      'a card image of 2024',
      'console=serial0,115200 console=tty1 root=PARTUUID=4e639091-02 rootfstype=ext4 fsck.repair=yes rootwait quiet init=/usr/lib/raspberrypi-sys-mods/firstboot\n',
      `console=serial0,115200 console=tty1 fsck.repair=yes quiet ${ours}`,
    ],
    [
      'what the imager appends',
      'console=tty1 systemd.run=/boot/firstrun.sh systemd.run_success_action=reboot systemd.unit=kernel-command-line.target',
      `console=tty1 ${ours}`,
    ],
    ['another unit', 'systemd.unit=multi-user.target', `systemd.unit=multi-user.target ${ours}`],
    ['a network root', 'root=/dev/nfs nfsroot=10.0.0.2:/x,vers=3 rw ip=dhcp', ours],
    ['a resume device', 'resume=/dev/mmcblk0p3 ro rootdelay=5 rootflags=noload', ours],
    ['quotes with blanks', 'foo="a b" root="x y" bar', `foo="a b" bar ${ours}`],
    ['lines after the first', 'console=tty1\nsecond=line', `console=tty1 ${ours}`],
    ['Windows line ends', 'console=tty1\r\n', `console=tty1 ${ours}`],
    ['bytes that are not ASCII', 'console=tty1 name=\u00fcber x=1', `console=tty1 x=1 ${ours}`],
    [
      'words that only begin alike',
      'rootless rotate=1 initcall_debug ipv6.disable=1',
      `rootless rotate=1 initcall_debug ipv6.disable=1 ${ours}`,
    ],
    ['somebody else’s drover', 'drover.secret=00 drover.url=http://evil drover.hostname=evil', ours],
    ['arguments of init', 'console=tty1 -- single root=x', `console=tty1 ${ours} -- single root=x`],
    ['nothing', '', ours],
  ])('%s', (_name, text, wanted) => {
    expect(render(text)).toBe(wanted);
  });

  it('adds the assignment’s parameters after ours', () => {
    expect(render('console=tty1', 'loglevel=7 isolcpus=2')).toBe(`console=tty1 ${ours} loglevel=7 isolcpus=2`);
  });

  it('tells the kernel where to log, where it is to', () => {
    const plan = { rootMode: 'ram', kernelParameters: '' } as const;
    expect(renderCmdline('drover.log-port=1', plan, { hostname: 'sign-17' }, { ...session, logPort: 6666 })).toBe(
      `${ours} drover.log-port=6666`,
    );
  });

  it('is one line of printable ASCII, whatever the image has', () => {
    fc.assert(
      fc.property(anyText(300), fc.string({ maxLength: 100 }), (text, parameters) => {
        const line = render(text, parameters);
        expect(line).toMatch(/^[\x20-\x7e]+$/);
        expect(line.split(' ').filter((word) => word.startsWith('drover.secret='))).toContain(
          `drover.secret=${session.secret}`,
        );
      }),
    );
  });
});
