import { RefusedError } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { cardName, parseCardList } from './card-list.js';

describe('a list of cards', () => {
  it('has a card in each line, with what its columns say', () => {
    const text = '\ufeffhostname,device,wifi-ssid\r\nsign-1,dev-1,"My ""Net"", upstairs"\r\n\r\nsign-2,,\r\n';
    expect(parseCardList(text)).toEqual([
      { line: 2, cells: { hostname: 'sign-1', device: 'dev-1', 'wifi-ssid': 'My "Net", upstairs' } },
      { line: 4, cells: { hostname: 'sign-2' } },
    ]);
  });

  it('calls each card by its host name, its device, or its number', () => {
    const names = parseCardList('hostname,device\na,b\n,c\n"",""\n').map(cardName);
    expect(names).toEqual(['a', 'c', 'card-3']);
  });

  it('may have an address again in another VLAN', () => {
    expect(parseCardList('address,vlan\n192.0.2.7/24,1\n192.0.2.7/24,2\n')).toHaveLength(2);
  });

  it.each([
    ['address,vlan\n192.0.2.7/24,1\n192.0.2.7/24,1\n', 'line 3, column address is 192.0.2.7/24, as in line 2'],
    ['', 'line 2 is not there'],
    ['hostname\n', 'line 2 is not there'],
    ['hostname,colour\na,b\n', 'line 1, column 2 is named "colour"'],
    ['hostname,hostname\na,b\n', 'line 1, column 2 is named hostname again'],
    ['hostname,device\na\n', 'line 2 does not have as many cells'],
    ['hostname\na\n"b\n', 'begins a quote that does not end'],
    ['hostname\na\nb"c\n', 'line 3 has a quote in the middle'],
    ['hostname\na\nb\na\n', 'line 4, column hostname is a, as in line 2'],
  ])('%j is refused with line and column', (text, why) => {
    expect(() => parseCardList(text)).toThrow(RefusedError);
    expect(() => parseCardList(text)).toThrow(why);
  });

  it('is refused without a word of what may be a password', () => {
    expect(() => parseCardList('hostname,wifi-password\na,hush"hush\n')).toThrow(/^(?!.*hush)/);
  });
});
