// The table as text, JSON and an SVG plot.

/** Lines of text, columns aligned. */
export function table(head, rows) {
  const all = [head, ...rows.map((row) => row.map(String))]
  const widths = head.map((_, at) => Math.max(...all.map((row) => (row[at] ?? '').length)))
  const line = (row) =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at]))).join('  ')
  return [line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...all.slice(1).map(line)].join('\n')
}

/** Horizontal bars of CPU seconds per GB, seeder and leecher side by side in one bar. */
export function plot(title, bars) {
  const longest = Math.max(...bars.map(({ seed, leech }) => seed + leech), 0.001)
  const [left, width, height] = [250, 520, 26]
  const scale = (value) => (value / longest) * width
  const rows = bars.map(({ name, seed, leech, note }, at) => {
    const y = 60 + at * height
    return `<text x="${left - 8}" y="${y + 13}" text-anchor="end">${markup(name)}</text><rect x="${left}" y="${y}" width="${scale(seed).toFixed(1)}" height="17" fill="#4477aa"/><rect x="${(left + scale(seed)).toFixed(1)}" y="${y}" width="${scale(leech).toFixed(1)}" height="17" fill="#ee7733"/><text x="${(left + scale(seed + leech) + 6).toFixed(1)}" y="${y + 13}">${markup(note)}</text>`
  })
  const total = 80 + bars.length * height
  return `<svg xmlns="http://www.w3.org/2000/svg" width="960" height="${total}" viewBox="0 0 960 ${total}" font-family="sans-serif" font-size="12"><rect width="960" height="${total}" fill="#ffffff"/><text x="16" y="24" font-size="15">${markup(title)}</text><text x="16" y="44" fill="#4477aa">■ seeder</text><text x="84" y="44" fill="#ee7733">■ leecher</text><text x="160" y="44">CPU seconds per GB; payload rate behind each bar</text>${rows.join('')}</svg>\n`
}

function markup(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
