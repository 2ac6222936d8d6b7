import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bare, circle, root, type SourceFile, sources } from './files.ts'

const short = (name: string) => name.replace(/^bitlode-/, '')

/** The table of docs/architecture.md: crate → the crates it may use. */
function allowed(): Map<string, Set<string>> {
  const rows = new Map<string, Set<string>>()
  for (const row of readFileSync(join(root, 'docs/architecture.md'), 'utf8').split('\n')) {
    const cells = row.split('|').map((cell) => cell.trim())
    if (cells.length !== 5 || !/^`[a-z]+`$/.test(cells[1] ?? '')) continue
    rows.set(
      (cells[1] ?? '').replaceAll('`', ''),
      new Set((cells[3] ?? '').split(/[ ,]+/).filter((name) => /^[a-z]+$/.test(name))),
    )
  }
  return rows
}

interface Package {
  readonly name: string
  readonly description: string | null
  readonly license: string | null
  readonly repository: string | null
  readonly readme: string | null
  /** Registries it may be published to; null is any, empty none. */
  readonly publish: readonly string[] | null
  readonly dependencies: readonly { readonly name: string; readonly kind: string | null }[]
}

const metadata: { packages: Package[] } = JSON.parse(
  execFileSync('cargo', ['metadata', '--no-deps', '--format-version', '1', '--offline'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  }),
)

/** crate folder → its Rust files */
const crates = new Map<string, SourceFile[]>()
for (const file of [...sources('crates', '.rs'), ...sources('bindings', '.rs')]) {
  const match = /^(?:crates\/([a-z]+)|(bindings))\/src\//.exec(file.path)
  const name = match?.[1] ?? match?.[2]
  if (name) crates.set(name, [...(crates.get(name) ?? []), file])
}

describe('the crates', () => {
  test('depend on exactly what the table of docs/architecture.md allows', () => {
    const table = allowed()
    expect([...table.keys()].sort()).toEqual([...crates.keys()].sort())
    for (const { name, dependencies } of metadata.packages) {
      const own = dependencies
        .filter((to) => to.kind === null && /^bitlode(-|$)/.test(to.name))
        .map((to) => short(to.name))
      expect(table.get(short(name)), `${name} has no row`).toBeDefined()
      const extra = own.filter((to) => !table.get(short(name))?.has(to))
      expect(extra, `${name} uses a crate that its row does not name`).toEqual([])
    }
  })

  test.each([...crates.keys()])('%s has no circle of modules', (name) => {
    const files = crates.get(name) ?? []
    const modules = new Set(files.map((file) => moduleOf(file.path)))
    const lib = bare(files.find((file) => /src\/lib\.rs$/.test(file.path))?.text ?? '')
    const exported = new Map<string, string>()
    for (const [, from, what] of lib.matchAll(/pub(?:\([a-z]+\))? use (?:self::|crate::)?([a-z_0-9]+)::([^;]+);/g)) {
      for (const [word] of (what ?? '').matchAll(/[A-Za-z_0-9]+/g)) exported.set(word, from ?? '')
    }
    const edges = new Map<string, Set<string>>()
    for (const file of files) {
      const from = moduleOf(file.path)
      if (from === 'lib') continue
      const text = bare(file.text).split(/#\[cfg\(test\)\]\s*(?:pub )?mod/)[0] ?? ''
      for (const [, head = '', braces] of text.matchAll(/\bcrate::(?:([A-Za-z_0-9]+)|\{([^}]*)\})/g)) {
        const words = head
          ? [head]
          : [...(braces ?? '').matchAll(/(?:^|,)\s*([A-Za-z_0-9]+)/g)].map((match) => match[1] ?? '')
        for (const word of words) {
          const to = modules.has(word) ? word : exported.get(word)
          if (to && to !== from && modules.has(to)) edges.set(from, (edges.get(from) ?? new Set()).add(to))
        }
      }
    }
    expect(circle(edges)).toBeNull()
  })

  test('name the system only behind the sys walls', () => {
    const wall = /^crates\/(engine|storage)\/src\/sys(\/|\.rs)/
    const offence = /cfg\(target_os|cfg\(target_family|cfg\(unix|cfg\(windows|\blibc::|std::os::/
    const found = [...crates.values()].flat().filter((file) => !wall.test(file.path) && offence.test(bare(file.text)))
    expect(found.map((file) => file.path)).toEqual([])
  })

  test('use unsafe only where it is allowed, each block with its reason, fewer than 40', () => {
    const room = /^(crates\/(hash|engine\/src\/sys|storage\/src\/sys)|bindings\/)/
    let blocks = 0
    for (const file of [...crates.values()].flat()) {
      const lines = file.text.split('\n')
      lines.forEach((text, at) => {
        if (!/\bunsafe\s*(\{|impl|fn|extern)/.test(text.replace(/\/\/.*/, ''))) return
        expect(file.path, `unsafe in ${file.path}:${at + 1}`).toMatch(room)
        expect(lines.slice(Math.max(0, at - 6), at + 1).join('\n'), `${file.path}:${at + 1}`).toMatch(
          /SAFETY:|# Safety/,
        )
        blocks += 1
      })
    }
    expect(blocks).toBeLessThanOrEqual(40)
  })

  test('can be published: each has a description, a README and the licence, and needs no crate that is for development', () => {
    const published = metadata.packages.filter((crate) => crate.publish?.length !== 0)
    expect(published.length).toBeGreaterThan(10)
    const kept = new Set(metadata.packages.filter((crate) => !published.includes(crate)).map((crate) => crate.name))
    for (const { name, description, license, repository, readme, dependencies } of published) {
      expect([description, license, repository, readme].every(Boolean), name).toBe(true)
      const folder = join(root, 'crates', short(name))
      for (const file of ['README.md', 'LICENSE', 'LICENSE-APACHE']) {
        expect(readFileSync(join(folder, file), 'utf8').length, `${name}: ${file}`).toBeGreaterThan(50)
      }
      const needed = dependencies.filter((to) => to.kind === null).map((to) => to.name)
      expect(
        needed.filter((to) => kept.has(to)),
        name,
      ).toEqual([])
    }
  })

  test('below the sans-IO line carry the same bans', () => {
    const pure = [...crates.keys()].filter((name) => !['engine', 'bitlode', 'bindings'].includes(name))
    const bans = pure.map((name) => readFileSync(join(root, 'crates', name, 'clippy.toml'), 'utf8'))
    expect(new Set(bans).size).toBe(1)
  })
})

/** The top-level module that a file belongs to. */
function moduleOf(path: string): string {
  return /\/src\/([a-z_0-9]+)/.exec(path)?.[1] ?? ''
}
