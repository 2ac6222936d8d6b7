import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ERROR_CODES } from '../../ts/errors.ts'
import { root, sources } from './files.ts'

const read = (path: string) => readFileSync(join(root, path), 'utf8')

/** Every test of the project by its name, and whether it is one for a row of the list of threats. */
function testNames(): string[] {
  const rust = [...sources('crates', '.rs'), ...sources('bindings', '.rs')].flatMap(({ text }) =>
    [...text.matchAll(/#\[test\][\s\S]{0,200}?fn ([a-z_0-9]+)/g)].map((match) => match[1] ?? ''),
  )
  const macro = sources('crates', '.rs').flatMap(({ text }) =>
    [...text.matchAll(/\brow_\d+[a-z_0-9]*/g)].map((match) => match[0]),
  )
  const ts = sources('test', '.ts').flatMap(({ text }) =>
    [...text.matchAll(/\b(?:test|it)(?:\.[a-z]+(?:\([^)]*\))?)*\(\s*['"`]([^'"`]+)/g)].map((match) => match[1] ?? ''),
  )
  return [...rust, ...macro, ...ts]
}

describe('the documents', () => {
  test('docs/errors.md lists every code with its sentence', () => {
    const rows = [...read('docs/errors.md').matchAll(/^\| `(ERR_[A-Z0-9_]+)` \| (.*) \|$/gm)].map(([, code, text]) => [
      code,
      text,
    ])
    expect(rows).toEqual(Object.entries(ERROR_CODES))
  })

  test('docs/dependencies.md has a line for every dependency', () => {
    const text = read('docs/dependencies.md')
    const cargo = [
      ...(/\[workspace\.dependencies\]([\s\S]*?)\n\[/.exec(read('Cargo.toml'))?.[1] ?? '').matchAll(
        /^([a-z0-9_-]+) =/gm,
      ),
    ].map((match) => match[1] ?? '')
    const npm: { dependencies?: object; devDependencies: object } = JSON.parse(read('package.json'))
    const names = [
      ...cargo.filter((name) => !name.startsWith('bitlode')),
      ...Object.keys(npm.dependencies ?? {}),
      ...Object.keys(npm.devDependencies),
    ]
    expect(names.length).toBeGreaterThan(10)
    expect(names.filter((name) => !text.includes(name))).toEqual([])
  })

  test('docs/settings.md says of every setting why it is there, and marks the options of the application', () => {
    const rows = [
      ...read('docs/settings.md').matchAll(/^\| (\*\*)?`(\w+)`\*?\*? \| (?:wish|bound|rule|measure) \| .+\. \|$/gm),
    ]
    const table = [...read('crates/session/src/settings.rs').matchAll(/^ {4}[a-z_]+ "(\w+)": .* (Public|Inner);$/gm)]
    expect(table.length).toBeGreaterThan(100)
    expect(rows.map(([, bold, name]) => [name, bold !== undefined])).toEqual(
      table.map(([, name, audience]) => [name, audience === 'Public']),
    )
  })

  test('every row of docs/threats.md that stands has a test that names it', () => {
    const names = testNames()
    const rows = [...read('docs/threats.md').matchAll(/^\| (\d+) \| .* \| (stands|later: .*|elsewhere: .*) \|$/gm)]
    expect(rows.length).toBeGreaterThanOrEqual(60)
    const missing = rows
      .filter(
        ([, row, state]) =>
          state === 'stands' && !names.some((name) => new RegExp(`\\brows?[_ ]${row}(?![0-9])`).test(name)),
      )
      .map(([, row]) => row)
    expect(missing).toEqual([])
  })
})
