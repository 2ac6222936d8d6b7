import { isProxy } from 'node:util/types'
import { expected, text, texts } from './check.ts'

/** Trackers as an option: each string its own tier, each list a tier (BEP 12). */
export type TrackerTiers = readonly (string | readonly string[])[]

/** Checks an option of trackers. Whether a scheme is supported shows when it is announced to. */
export function readTiers(value: unknown): string[][] {
  if (!Array.isArray(value) || isProxy(value))
    throw expected('trackers', 'an array of URLs or of arrays of URLs', value)
  return Array.from(value, (tier: unknown, at) => {
    const name = `trackers[${at}]`
    const urls = typeof tier === 'string' ? [text(name, tier)] : texts(name, tier)
    for (const url of urls) if (!URL.canParse(url)) throw expected(name, 'a URL', url)
    return urls
  })
}

/** Checks an option of addresses, each `host:port` or `[IPv6]:port`. */
export function readNodes(name: string, value: unknown): string[] {
  const nodes = texts(name, value)
  for (const node of nodes) {
    const port = /^(?:\[[0-9a-f:.]+\]|[^:[\]\s]+):(\d{1,5})$/i.exec(node)?.[1]
    if (port === undefined || Number(port) < 1 || Number(port) > 65_535) {
      throw expected(name, 'a list of `host:port` or `[IPv6]:port`', node)
    }
  }
  return nodes
}
