// Numbers as people read them.

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** Bytes with a binary unit: `1.5 MiB`. */
export function bytes(count: number): string {
  let value = count
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 ? value.toFixed(0) : value.toFixed(value < 10 ? 2 : 1)} ${units[unit]}`
}

/** Bytes per second. */
export function rate(perSecond: number): string {
  return `${bytes(perSecond)}/s`
}

/** Seconds as the two largest units: `1h 02m`, `3m 20s`, `5s`; a dash when nobody knows. */
export function span(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–'
  const s = Math.max(0, Math.round(seconds))
  const pad = (n: number) => String(n).padStart(2, '0')
  if (s >= 86_400) return `${Math.floor(s / 86_400)}d ${pad(Math.floor((s % 86_400) / 3600))}h`
  if (s >= 3600) return `${Math.floor(s / 3600)}h ${pad(Math.floor((s % 3600) / 60))}m`
  if (s >= 60) return `${Math.floor(s / 60)}m ${pad(s % 60)}s`
  return `${s}s`
}

/** A share of the whole, never rounded up to 100 before it is. */
export function percent(part: number, whole: number): string {
  if (whole <= 0 || part >= whole) return '100%'
  return `${(Math.floor((part / whole) * 1000) / 10).toFixed(1)}%`
}

/** One line without control characters: names come from strangers. */
export function line(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\uFFFD')
}

/** A number of things: `1 piece`, `2 pieces`. */
export function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? '' : 's'}`
}
