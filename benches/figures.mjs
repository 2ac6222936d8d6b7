// What becomes of many measurements: medians, ranges, quotients.

/** The middle value; NaN of nothing. */
export function median(list) {
  const sorted = [...list].sort((a, b) => a - b)
  const half = sorted.length >> 1
  if (sorted.length === 0) return Number.NaN
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}

/** Median, least and greatest of what was measured. */
export function spread(list) {
  const measured = list.filter((value) => Number.isFinite(value))
  return { median: median(measured), min: Math.min(...measured), max: Math.max(...measured), count: measured.length }
}

/** Each value made into another one by the same number. */
export const mapped = ({ median, min, max, count }, by) => {
  const [a, b] = [by(min), by(max)]
  return { median: by(median), min: Math.min(a, b), max: Math.max(a, b), count }
}

/** `1.23 [1.10–1.30]`; the range is left out where only one thing was measured. */
export function written({ median, min, max, count }, digits = 2) {
  if (count === 0 || Number.isNaN(median)) return 'not measured'
  const middle = median.toFixed(digits)
  return count === 1 ? middle : `${middle} [${min.toFixed(digits)}–${max.toFixed(digits)}]`
}

/** The smallest of what was measured; NaN when nothing was. */
export const least = (...figures) => {
  const measured = figures.filter((figure) => !Number.isNaN(figure))
  return measured.length > 0 ? Math.min(...measured) : Number.NaN
}
