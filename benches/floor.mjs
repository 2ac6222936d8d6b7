// The floor: programs that measure what the machine itself costs. They lie outside the project; their folder is named by
// BITLODE_FLOOR or found beside the project.
import { execFileSync } from 'node:child_process'
import { closeSync, copyFileSync, existsSync, mkdirSync, openSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { project } from './actors.mjs'

export const folder = process.env.BITLODE_FLOOR ?? join(project, '../shared/floor')
const out = join(project, 'target/floor')

export const available = () => existsSync(join(folder, 'peer.rs'))

/** Compiles a floor program and returns its path. */
export function compile(name) {
  mkdirSync(out, { recursive: true })
  const binary = join(out, name)
  const links = name === 'peer' ? [] : ['-l', 'crypto']
  if (!existsSync(binary)) {
    execFileSync(
      'rustc',
      ['--edition', '2024', '-O', '-C', 'codegen-units=1', ...links, join(folder, `${name}.rs`), '-o', binary],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
  }
  return binary
}

/** Row of a floor program: CPU seconds per GB, median of its five runs. */
export function leechFloor(scratch, row, mebibytes) {
  const said = execFileSync(compile('leech2'), [scratch, row, String(mebibytes), 'exact'], {
    encoding: 'utf8',
    maxBuffer: 1 << 24,
  })
  return number(said, /leech cpu s\/GB median ([\d.]+)/)
}

export function seedFloor(scratch, random) {
  prepare(scratch, random)
  const said = execFileSync(compile('seed'), [], { cwd: scratch, encoding: 'utf8', maxBuffer: 1 << 24 })
  return number(said, /^2b .*send cpu s\/GB median ([\d.]+)/m)
}

/** CPU s/GB of the rows of misc.rs that the recheck targets name. */
export function checkFloor(scratch, random) {
  prepare(scratch, random)
  const said = execFileSync(compile('misc'), [], { cwd: scratch, encoding: 'utf8', maxBuffer: 1 << 24 })
  return {
    simple: number(said, /^.*pread 64K.*SHA-NI.*median ([\d.]+)/im),
    lanes: number(said, /^.*16 ?x? ?.*pread 256K.*median ([\d.]+)/im),
    text: said,
  }
}

function prepare(scratch, random) {
  const source = join(scratch, 'src.bin')
  if (existsSync(source)) return
  copyFileSync(random, source)
  truncateSync(source, 512 << 20)
  closeSync(openSync(source, 'r'))
}

function number(text, pattern) {
  const found = pattern.exec(text)?.[1]
  if (!found) throw new Error(`no ${pattern} in\n${text}`)
  return Number(found)
}
