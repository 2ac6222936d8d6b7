/** 4 or 6 for the text of an IP address, else 0. */
export function ipVersion(text: string): 4 | 6 | 0 {
  if (/^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/.test(text)) return 4
  return text.includes(':') && /^[0-9a-f:.]+$/i.test(text) && URL.canParse(`http://[${text}]/`) ? 6 : 0
}

/** `ip:port`, brackets around IPv6. */
export function endpoint(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}

/** The two parts of `ip:port`; undefined when it is not one. */
export function splitEndpoint(text: string): { ip: string; port: number } | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text)
  const ip = match?.[1] ?? match?.[2] ?? ''
  const port = Number(match?.[3])
  const version = match?.[1] === undefined ? 4 : 6
  return ipVersion(ip) === version && port <= 65_535 ? { ip, port } : undefined
}

/** The text of 4 or 16 bytes. */
export function ipText(bytes: Uint8Array): string | undefined {
  if (bytes.length === 4) return bytes.join('.')
  if (bytes.length !== 16) return undefined
  const groups = Array.from({ length: 8 }, (_, at) => ((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0))
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) return bytes.subarray(12).join('.')
  return shorten(groups)
}

/** RFC 5952: the longest run of two or more zeros becomes `::`. */
function shorten(groups: readonly number[]): string {
  let [best, bestAt] = [1, -1]
  for (let at = 0; at < 8; at++) {
    let run = 0
    while (at + run < 8 && groups[at + run] === 0) run++
    if (run > best) [best, bestAt] = [run, at]
  }
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':')
  if (bestAt < 0) return hex(groups)
  return `${hex(groups.slice(0, bestAt))}::${hex(groups.slice(bestAt + best))}`
}

/** Whether an address is of this machine, this link or a private network: no public tracker can know it. */
export function isLocal(ip: string): boolean {
  if (ipVersion(ip) === 4) {
    const [a = 0, b = 0] = ip.split('.').map(Number)
    return (
      a === 0 ||
      a === 10 ||
      a === 127 ||
      (a === 100 && b >= 64 && b < 128) ||
      (a === 169 && b === 254) ||
      (a === 172 && b >= 16 && b < 32) ||
      (a === 192 && b === 168)
    )
  }
  return /^(::1?$|f[cd]|fe[89ab])/i.test(ip)
}
