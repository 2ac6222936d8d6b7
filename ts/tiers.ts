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
