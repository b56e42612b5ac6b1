import { expect, it } from 'vitest';
import { settingFaults, settingsText } from './config-settings.js';

it('says in lines what a board goes by', () => {
  const config = {
    autoupdate: true,
    update: { every: 3600, window: '22:00-05:30' },
    persist: ['/var/lib/app', '/etc/app.conf'],
    screen: { rotate: 90 },
  };
  expect(settingsText(config)).toBe(
    'autoupdate=yes\nupdateEvery=3600\nupdateWindow=22:00-05:30\npersist=/var/lib/app,/etc/app.conf\n',
  );
  expect(settingFaults(config)).toEqual([]);
});

it('says nothing of what is not said, or is empty', () => {
  for (const config of [{}, { autoupdate: null, update: {}, persist: [] }, { update: 'x', persist: '' }])
    expect([settingsText(config), settingFaults(config)]).toEqual(['', []]);
});

it.each([
  [{ autoupdate: 'yes' }, 'autoupdate'],
  [{ update: { every: 5 } }, 'update.every'],
  [{ update: { every: '$(reboot)' } }, 'update.every'],
  [{ update: { window: '2-4' } }, 'update.window'],
  [{ update: { window: '24:00-25:00' } }, 'update.window'],
  [{ persist: '/var' }, 'persist'],
  [{ persist: ['var'] }, 'persist[0]'],
  [{ persist: ['/ok', '/a/../b'] }, 'persist[1]'],
  [{ persist: ['/a b'] }, 'persist[0]'],
  [{ persist: ['/a,b'] }, 'persist[0]'],
  [{ persist: ['/'] }, 'persist[0]'],
])('leaves out and names what is not of its form: %j', (config, path) => {
  expect(settingFaults(config).map((fault) => fault.path)).toEqual([path]);
  expect(settingsText(config)).toBe('persist' in config && path === 'persist[1]' ? 'persist=/ok\n' : '');
});
