// The figures as text for 120 columns and as an SVG plot.
import { pairName, sink } from './cast.mjs'
import { spread, written } from './figures.mjs'

/** Lines of text, columns aligned. */
export function table(head, rows) {
  const all = [head, ...rows.map((row) => row.map(String))]
  const widths = head.map((_, at) => Math.max(...all.map((row) => (row[at] ?? '').length)))
  const line = (row) =>
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at])))
      .join('  ')
      .trimEnd()
  return [line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...all.slice(1).map(line)].join('\n')
}

/** The transfers of one piece size; below it, which pairs did not complete and how often. */
export function transferTable({ cast, runs, failures, rounds }) {
  const rows = cast.map((pair) => {
    const name = pairName(pair)
    const list = runs.get(name)
    const figure = (key) => written(spread(list.map((run) => run[key])))
    if (list.length === 0) return [name, 'did not complete', '', '', '']
    const rss = pair.leecher === sink ? '–' : spread(list.map((run) => run.rss)).median.toFixed(0)
    return [name, figure('rate'), figure('seed'), figure('leech'), rss]
  })
  const text = table(['seeder → leecher', 'GB/s', 'seed CPU s/GB', 'leech CPU s/GB', 'leech RSS MiB'], rows)
  const failed = [...failures].filter(([, count]) => count > 0)
  return [text, ...failed.map(([name, count]) => `did not complete: ${name}, ${count} of ${rounds}`)].join('\n')
}

/** What is wanted and what is. */
export function targetTable(rows) {
  const wanted = (bound, { median }) => {
    if (!bound) return ''
    const mark = Number.isNaN(median) ? ' ' : bound.holds(median) ? '+' : '!'
    return `${bound.sign} ${bound.limit} ${mark}`
  }
  const lines = rows.map(({ what, figure, target, first, digits }) => [
    what,
    written(figure, digits),
    wanted(target, figure),
    wanted(first, figure),
  ])
  return `${table(['figure', 'median [range]', 'target', 'first version'], lines)}\n+ reached, ! not reached`
}

const [width, left, wide, line] = [1100, 320, 560, 26]
const [blue, orange, green, red] = ['#4477aa', '#ee7733', '#228833', '#cc3311']

/** Bars of CPU seconds per GB, and of each target how far the figure is from it. */
export function plot(title, panels) {
  let y = 56
  const parts = []
  const write = (x, text, more = '') => parts.push(`<text x="${x}" y="${y}" ${more}>${markup(text)}</text>`)
  for (const { name, cast, runs, rows } of panels) {
    write(16, `${name}: CPU seconds per GB`, 'font-weight="bold"')
    write(left, '■ seeder', `fill="${blue}"`)
    write(left + 70, '■ leecher', `fill="${orange}"`)
    write(left + 150, 'behind each bar: seeder + leecher, payload rate')
    y += 22
    const bars = cast
      .map((pair) => ({ label: pairName(pair), list: runs.get(pairName(pair)) }))
      .filter(({ list }) => list.length > 0)
      .map(({ label, list }) => {
        const median = (key) => spread(list.map((run) => run[key])).median
        return { label, seed: median('seed'), leech: median('leech'), rate: median('rate') }
      })
    const longest = Math.max(...bars.map(({ seed, leech }) => seed + leech), 0.001)
    const scale = (value) => (value / longest) * wide
    for (const { label, seed, leech, rate } of bars) {
      bar(left, scale(seed), blue)
      bar(left + scale(seed), scale(leech), orange)
      write(left - 10, label, 'text-anchor="end"')
      write(left + scale(seed + leech) + 8, `${seed.toFixed(2)} + ${leech.toFixed(2)}, ${rate.toFixed(2)} GB/s`)
      y += line
    }
    y += 16
    write(16, `${name}: distance from what is wanted`, 'font-weight="bold"')
    write(left + 100, '■ reached', `fill="${green}"`)
    write(left + 180, '■ not reached', `fill="${red}"`)
    write(left + 290, 'the line is what is wanted; shorter is better')
    y += 22
    const top = y
    const one = wide / 2
    const bounds = rows.flatMap(({ what, figure, target, first, digits }) => {
      const same = target && first && target.limit === first.limit
      const wanted = same
        ? [['', target]]
        : [
            [', target', target],
            [', first version', first],
          ]
      return wanted
        .filter(([, bound]) => bound && !Number.isNaN(figure.median))
        .map(([kind, bound]) => ({ what: what + kind, bound, value: figure.median, digits }))
    })
    for (const { what, bound, value, digits } of bounds) {
      const share = bound.sign === '≤' ? value / bound.limit : bound.limit / value
      const length = Math.min(Math.max(share, 0) * one, wide)
      bar(left + 100, length, bound.holds(value) ? green : red)
      write(left + 90, what, 'text-anchor="end"')
      write(left + 100 + Math.max(length, one) + 8, `${value.toFixed(digits)}, wanted ${bound.sign} ${bound.limit}`)
      y += line
    }
    const x = left + 100 + one
    parts.push(`<path d="M${x} ${top - 14}V${y - 14}" stroke="#000000" stroke-dasharray="4 3"/>`)
    y += 24
  }
  function bar(x, length, fill) {
    parts.push(
      `<rect x="${x.toFixed(1)}" y="${y - 13}" width="${Math.max(length, 0).toFixed(1)}" height="17" fill="${fill}"/>`,
    )
  }
  const frame = `<rect width="${width}" height="${y}" fill="#ffffff"/><text x="16" y="26" font-size="16">${markup(title)}</text>`
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y}" viewBox="0 0 ${width} ${y}" font-family="sans-serif" font-size="13">${frame}${parts.join('')}</svg>\n`
}

function markup(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
