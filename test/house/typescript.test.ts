import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'
import { circle, sources } from './files.ts'

const files = sources('ts', '.ts').filter((file) => !file.path.endsWith('.d.ts'))

/** file → what it imports at run time or for types */
const imports = new Map(
  files.map(
    (file) =>
      [
        file.path,
        [...file.text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? ''),
      ] as const,
  ),
)

const local = (from: string, to: string) => (to.startsWith('.') ? normalize(join(dirname(from), to)) : null)

describe('the TypeScript', () => {
  test('has no circle of imports', () => {
    const edges = new Map(
      [...imports].map(([from, list]) => [
        from,
        new Set(list.map((to) => local(from, to)).filter((to) => to !== null)),
      ]),
    )
    expect(circle(edges)).toBeNull()
  })

  test('imports only files that exist', () => {
    const known = new Set(files.map((file) => file.path))
    for (const [from, list] of imports) {
      for (const to of list.map((name) => local(from, name)).filter((name) => name !== null)) {
        expect(known.has(to) || to.endsWith('.d.ts'), `${from} imports ${to}`).toBe(true)
      }
    }
  })

  test('loads the addon in ts/native only', () => {
    const found = files.filter(
      (file) => !file.path.startsWith('ts/native/') && /\.node['"`]|createRequire|process\.dlopen/.test(file.text),
    )
    expect(found.map((file) => file.path)).toEqual([])
  })

  test('opens no socket of its own', () => {
    for (const [from, list] of imports) {
      const sockets = list.filter((name) => /^(node:)?(net|dgram|dns|dns\/promises)$/.test(name))
      expect(sockets, from).toEqual([])
    }
    expect(files.filter((file) => /\bfetch\(/.test(file.text)).map((file) => file.path)).toEqual([])
  })

  test('keeps the command line on the public API', () => {
    for (const [from, list] of imports) {
      if (!from.startsWith('ts/cli/')) continue
      const deep = list
        .map((to) => local(from, to))
        .filter((to) => to !== null && !to.startsWith('ts/cli/') && !['ts/index.ts', 'ts/errors.ts'].includes(to))
      expect(deep, from).toEqual([])
    }
  })

  test('keeps policy free of the engine: trackers take what they need as arguments', () => {
    for (const [from, list] of imports) {
      if (!from.startsWith('ts/tracker/')) continue
      const up = list
        .map((to) => local(from, to))
        .filter((to) => to !== null && /^ts\/(cli|client|torrent|file|peer|index)/.test(to))
      expect(up, from).toEqual([])
    }
  })

  test('keeps protocol and util at the bottom: they know nothing of who uses them', () => {
    const floor = new Set(['ts/check.ts', 'ts/errors.ts', 'ts/settings.ts', 'ts/version.ts'])
    // Packets between peers are Rust's: protocol reaches the addon's plain functions, and loads it when one is first used.
    const native = new Set(['ts/native/addon.d.ts', 'ts/native/call.ts', 'ts/native/load.ts'])
    // What reads and makes .torrent files stands above both. Only the list of what util exports names it; no tool may.
    const metainfo = ['content', 'create', 'facts', 'magnet', 'metainfo', 'tiers'].map((name) => `ts/${name}.ts`)
    const shown = new Set([...metainfo, 'ts/native/addon.d.ts'])
    for (const [from, list] of imports) {
      const room = /^ts\/(protocol|util)\//.exec(from)?.[1]
      if (room === undefined) continue
      const up = list
        .map((to) => local(from, to))
        .filter((to): to is string => to !== null && !to.startsWith('ts/util/') && !floor.has(to))
        .filter((to) => room === 'util' || !(to.startsWith('ts/protocol/') || native.has(to)))
        .filter((to) => from !== 'ts/util/index.ts' || !shown.has(to))
      expect(up, from).toEqual([])
      if (from !== 'ts/util/index.ts')
        expect(
          list.map((to) => local(from, to)),
          from,
        ).not.toContain('ts/util/index.ts')
    }
    const entry = files.find(({ path }) => path === 'ts/util/index.ts')?.text ?? ''
    expect(entry.replace(/\/\*[\s\S]*?\*\/|export (type )?\{[^}]*\} from '[^']+'/g, '').trim()).toBe('')
  })
})
