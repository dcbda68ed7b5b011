import ipaddr from 'ipaddr.js';
import { CairnError } from '../errors.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Network = readonly [Address, number];

/** Services of clouds that hand out credentials to everything that can reach them. Some have public addresses. */
const METADATA_NAMES: readonly string[] = [
  'metadata',
  'metadata.google.internal',
  'metadata.goog',
  'instance-data',
  'instance-data.ec2.internal',
];
const METADATA_ADDRESSES = [
  '169.254.169.254 169.254.170.2 169.254.170.23 100.100.100.200 192.0.0.192 168.63.129.16',
  'fd00:ec2::254 fd00:ec2::23 fd20:ce::254',
]
  .join(' ')
  .split(' ');

const GLOBAL_UNICAST: Network = [ipaddr.parse('2000::'), 3];
const NAT64: Network = [ipaddr.parse('64:ff9b::'), 96];
const IPV4_COMPATIBLE: Network = [ipaddr.parse('::'), 96];

/**
 * Decides which hosts images may be fetched from: those at public unicast addresses, and private ones that the
 * operator lists. Metadata services are refused in any case.
 */
export class UrlPolicy {
  private constructor(
    private readonly names: ReadonlySet<string>,
    private readonly networks: readonly Network[],
  ) {}

  /**
   * `allow` lists private targets, separated by commas: names of hosts, addresses, or networks such as `10.0.0.0/8`.
   *
   * @throws CairnError `option-invalid` for an entry that is none of these.
   */
  static parse(allow: string): UrlPolicy {
    const names = new Set<string>();
    const networks: Network[] = [];
    for (const entry of allow.split(',').map((part) => part.trim())) {
      if (entry === '') continue;
      const host = bareHost(entry);
      if (ipaddr.isValidCIDR(host)) networks.push(ipaddr.parseCIDR(host));
      else if (isAddress(host)) networks.push(wholeAddress(host));
      else if (HOST_NAME.test(host)) names.add(host);
      else throw new CairnError('option-invalid', `"${entry}" is neither a host, an address nor a network.`);
    }
    return new UrlPolicy(names, networks);
  }

  /**
   * Checks a host before its name is resolved.
   *
   * @throws CairnError `url-forbidden` for a metadata service, and for an address that `permits` refuses.
   */
  check(host: string): void {
    const bare = bareHost(host);
    if (METADATA_NAMES.includes(bare) || (isAddress(bare) && !this.permits(bare, bare))) throw forbidden(bare);
  }

  /** Whether `address` may be connected to; `host` is the host of the URL, whose name led to it. */
  permits(host: string, address: string): boolean {
    if (!ipaddr.isValid(address)) return false;
    const parsed = ipaddr.parse(address);
    const reached = reachedBy(parsed);
    if (reached.some((one) => METADATA_ADDRESSES.includes(one.toString()))) return false;
    if (isPublic(parsed) || this.names.has(bareHost(host))) return true;
    const forms = [parsed, translated(parsed)];
    return this.networks.some((network) => forms.some((form) => form !== undefined && within(form, network)));
  }
}

/** The error does not say which address a name led to: that would describe the network to strangers. */
export function forbidden(host: string): CairnError {
  return new CairnError(
    'url-forbidden',
    `Images are not fetched from ${host}: it is not at a public address, and CAIRN_URL_ALLOW does not list it.`,
  );
}

/** A name as it is compared: in lower case, without brackets and the dot of the root. */
function bareHost(host: string): string {
  return host.toLowerCase().replace(/^\[|\]$|\.$/g, '');
}

const HOST_NAME = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/;

/** Only the usual notation: URLs have decimal, octal and short forms of IPv4 normalised already. */
function isAddress(host: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(host) || ipaddr.IPv6.isValid(host);
}

function wholeAddress(host: string): Network {
  const address = ipaddr.parse(host);
  return [address, address.toByteArray().length * 8];
}

function isPublic(address: Address): boolean {
  const inner = translated(address);
  if (inner) return isPublic(inner);
  // IPv6 has allocated one eighth of its space: what lies outside, such as site-local addresses, leads nowhere public.
  return address.range() === 'unicast' && (address.kind() === 'ipv4' || within(address, GLOBAL_UNICAST));
}

/** The IPv4 address that an IPv6 one stands for, by the operating system or by a translator (NAT64) on the way. */
function translated(address: Address): ipaddr.IPv4 | undefined {
  if (address.range() === 'ipv4Mapped' || within(address, NAT64)) return ipv4At(address, 12);
  return undefined;
}

/** The address, and every IPv4 address inside it to which a translator or tunnel may carry its packets. */
function reachedBy(address: Address): Address[] {
  if (address.kind() === 'ipv4') return [address];
  switch (address.range()) {
    case 'ipv4Mapped':
    case 'rfc6052':
    case 'rfc6145':
      return [address, ipv4At(address, 12)];
    case '6to4':
      return [address, ipv4At(address, 2)];
    case 'teredo':
      // The server, and the client with all bits inverted.
      return [address, ipv4At(address, 4), ipv4At(address, 12, 0xff)];
    default:
      return within(address, IPV4_COMPATIBLE) ? [address, ipv4At(address, 12)] : [address];
  }
}

function ipv4At(address: Address, at: number, mask = 0): ipaddr.IPv4 {
  const bytes = address.toByteArray().slice(at, at + 4);
  return new ipaddr.IPv4(bytes.map((byte) => byte ^ mask));
}

function within(address: Address, [network, bits]: Network): boolean {
  return address.kind() === network.kind() && address.match(network, bits);
}
