import { describe, expect, test } from '@jest/globals';
import { UrlPolicy } from '../../../src/images/url-policy.js';

const none = UrlPolicy.parse('');
const permits = (policy: UrlPolicy, address: string, host = 'images.example') => policy.permits(host, address);

describe('without an allow list', () => {
  test.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.1',
    '192.168.1.1',
    '198.18.0.1',
    '203.0.113.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'fd00::1',
    'ff02::1',
    '2001:db8::1',
    '4000::1',
    '5f00::1',
    // The same IPv4 addresses in IPv6.
    '::ffff:10.0.0.1',
    '::ffff:0:127.0.0.1',
    '::7f00:1',
    '::808:808',
    '64:ff9b::a00:1',
    '64:ff9b::7f00:1',
    '64:ff9b:1::808:808',
    '2002:7f00:1::1',
    '2002:808:808::1',
    '2001:0:808:808::1',
    'not an address',
    '',
  ])('%s is refused', (address) => expect(permits(none, address)).toBe(false));

  test.each([
    '8.8.8.8',
    '93.184.216.34',
    '172.32.0.1',
    '11.0.0.1',
    '2606:4700::1111',
    '::ffff:8.8.8.8',
    // Where there is only IPv6, names of IPv4 hosts lead here.
    '64:ff9b::808:808',
  ])('%s is permitted', (address) => expect(permits(none, address)).toBe(true));

  test('names are not checked before they are resolved, addresses are', () => {
    expect(() => none.check('localhost')).not.toThrow();
    expect(() => none.check('[2606:4700::1111]')).not.toThrow();
    for (const host of ['127.0.0.1', '[::1]', '[::ffff:127.0.0.1]', '[64:ff9b::7f00:1]']) {
      expect(() => none.check(host)).toThrow(expect.objectContaining({ code: 'url-forbidden' }));
    }
  });
});

describe('the allow list', () => {
  const policy = UrlPolicy.parse(' Images.Internal , 10.1.0.0/16,192.168.7.7, fd00:1::/64,[::1] ');

  test.each([
    ['10.1.255.1', true],
    ['10.2.0.1', false],
    ['::ffff:10.1.0.1', true],
    ['64:ff9b::a01:1', true],
    ['2002:a01:1::1', false],
    ['192.168.7.7', true],
    ['192.168.7.8', false],
    ['fd00:1::9', true],
    ['fd00:2::9', false],
    ['::1', true],
    ['127.0.0.1', false],
  ])('of networks and addresses decides about %s: %s', (address, expected) =>
    expect(permits(policy, address)).toBe(expected),
  );

  test('permits a listed host wherever it leads, by its exact name', () => {
    for (const host of ['images.internal', 'IMAGES.internal', 'images.internal.']) {
      expect(permits(policy, '172.16.0.1', host)).toBe(true);
    }
    for (const host of ['other.images.internal', 'images.internal.example', 'internal']) {
      expect(permits(policy, '172.16.0.1', host)).toBe(false);
    }
  });

  test.each(['http://localhost', '10.0.0.0/33', '*.internal', 'a b', 'host:80', '::1/200'])(
    '%s is refused',
    (entry) => {
      expect(() => UrlPolicy.parse(entry)).toThrow(expect.objectContaining({ code: 'option-invalid' }));
    },
  );
});

describe('metadata services are refused even if everything is listed', () => {
  const all = UrlPolicy.parse('0.0.0.0/0,::/0,metadata.google.internal,images.example');

  test.each([
    '169.254.169.254',
    '169.254.170.2',
    '100.100.100.200',
    '168.63.129.16',
    'fd00:ec2::254',
    'fd00:0ec2:0:0:0:0:0:254',
    '::ffff:169.254.169.254',
    '::a9fe:a9fe',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::a9fe:a9fe',
    '2002:a9fe:a9fe::1',
    '2001:0:a9fe:a9fe::1',
    // The client of Teredo, with its bits inverted.
    '2001:0:808:808:0:0:5601:5601',
  ])('%s', (address) => {
    expect(permits(all, address)).toBe(false);
    expect(() => all.check(`[${address}]`)).toThrow(expect.objectContaining({ code: 'url-forbidden' }));
  });

  test.each(['metadata.google.internal', 'METADATA.google.internal.', 'metadata', 'instance-data'])('%s', (host) => {
    expect(() => all.check(host)).toThrow(expect.objectContaining({ code: 'url-forbidden' }));
  });

  test('other addresses are permitted then', () => {
    expect(permits(all, '169.254.1.1')).toBe(true);
    expect(permits(all, '127.0.0.1')).toBe(true);
  });
});
