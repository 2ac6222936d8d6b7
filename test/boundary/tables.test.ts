import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ERROR_CODES, SETTINGS, VERSION } from '../../ts/index.ts'
import { addon } from '../../ts/native/load.ts'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

test('the tables of errors are equal in Rust and TypeScript, in the same order', () => {
  const rust = addon().errorCodes()
  expect(Object.entries(ERROR_CODES)).toEqual(rust.map(({ code, about }) => [code, about]))
})

test('the tables of settings are equal in Rust and TypeScript', () => {
  const rust = addon().settingsTable()
  expect(Object.entries(SETTINGS).map(([name, row]) => [name, row.unit, row.default, row.min, row.max])).toEqual(
    rust.map(({ name, unit, default: value, min, max }) => [name, unit, value, min, max]),
  )
})

test('the version is the same everywhere', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string }
  expect([VERSION, addon().version()]).toEqual([version, version])
})

test('the types of the addon are those that the build wrote', () => {
  expect(read('ts/native/addon.d.ts')).toBe(read('bindings/out/debug/bitlode.d.ts'))
})

test('every export of the addon is wrapped against panics, and none is asynchronous', () => {
  for (const file of ['engine', 'reader', 'metainfo', 'table', 'hooks']) {
    const source = read(`bindings/src/${file}.rs`)
    const attributes = [...source.matchAll(/#\[napi(\([^\n]*\))?\]\s*\n\s*pub (async )?(fn|struct)/g)]
    const functions = attributes.filter(([, , , kind]) => kind === 'fn')
    expect(functions.length, file).toBe((source.match(/^ {0,4}pub fn/gm) ?? []).length)
    for (const [text, options, isAsync] of functions) {
      expect(options, text).toContain('catch_unwind')
      expect(isAsync, text).toBeUndefined()
    }
  }
})
