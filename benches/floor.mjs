// The floor: programs that measure what the machine itself costs. They lie outside the project; their folder is named by
// BITLODE_FLOOR or found beside the project.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { project } from './actors.mjs'
import { spread } from './figures.mjs'

export const folder = process.env.BITLODE_FLOOR ?? join(project, '../shared/floor')
const out = join(project, 'target/floor')

export const available = () => existsSync(join(folder, 'peer.rs'))

/** Compiles a floor program, unless that is done, and returns its path. */
export function compile(name) {
  mkdirSync(out, { recursive: true })
  const [source, binary] = [join(folder, `${name}.rs`), join(out, name)]
  const links = name === 'peer' ? [] : ['-l', 'crypto']
  if (!existsSync(binary) || statSync(binary).mtimeMs < statSync(source).mtimeMs) {
    const flags = ['--edition', '2024', '-O', '-C', 'codegen-units=1']
    execFileSync('rustc', [...flags, ...links, source, '-o', binary], { stdio: ['ignore', 'ignore', 'pipe'] })
  }
  return binary
}

/**
 * The instruction set that our hashing uses at most, and the rows of the floor that do the same: BITLODE_ISA, or the best
 * that this machine has.
 */
export function instructionSet() {
  const flags = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1].split(' ') ?? []
  const ladder = [
    ['avx512', ['avx512f', 'avx512bw'], 'G', '16 × pread 256K + AVX-512'],
    ['avx2', ['avx2'], 'GA', '8 × pread 256K + AVX2'],
    ['sha-ni', ['sha_ni'], 'C4', 'pread 64K + SHA-NI'],
    ['portable', [], 'C4', 'pread 64K + SHA-NI'],
  ].map(([name, needs, leech, check]) => ({ name, needs, leech, check }))
  const ceiling = process.env.BITLODE_ISA || ladder[0].name
  const top = ladder.findIndex(({ name }) => name === ceiling)
  if (top < 0) throw new Error(`BITLODE_ISA is ${ceiling}: expected ${ladder.map(({ name }) => name).join(', ')}`)
  const found = ladder.slice(top).find(({ needs }) => needs.every((flag) => flags.includes(flag)))
  const note = found.name === 'portable' ? ', for which there is no floor: that with SHA-NI is quoted' : ''
  return { ...found, text: `${found.name}${process.env.BITLODE_ISA ? ' (BITLODE_ISA)' : ''}${note}` }
}

/** The floors of one round, CPU seconds per GB; NaN for a row that this machine cannot run. */
export class Floors {
  #rounds = []
  #scratch
  #content
  #mebibytes
  #isa

  constructor({ scratch, content, mebibytes, isa }) {
    this.#scratch = scratch
    this.#content = content
    this.#mebibytes = mebibytes
    this.#isa = isa
  }

  /** Runs each row once; a program gives the median of five runs of its own. */
  async round() {
    const leech = (row) =>
      measured(compile('leech2'), [this.#scratch, row, String(this.#mebibytes), 'exact'], this.#scratch, [
        /leech cpu s\/GB median ([\d.]+)/,
      ])
    this.#prepare()
    const [c4] = await leech('C4')
    const [best] = this.#isa.leech === 'C4' ? [c4] : await leech(this.#isa.leech)
    const [seed] = await measured(compile('seed'), [], this.#scratch, [/^2b .*send cpu s\/GB median ([\d.]+)/m])
    const [simple, wide, eight] = await measured(compile('misc'), [], this.#scratch, [
      /^.*pread 64K \+ SHA-NI.*median ([\d.]+)/im,
      /^.*16x pread 256K.*median ([\d.]+)/im,
      /^.*8x pread 256K.*median ([\d.]+)/im,
    ])
    const check = { avx512: wide, avx2: eight }[this.#isa.name] ?? simple
    this.#rounds.push({ c4, leech: best, seed, simple, check })
  }

  get rounds() {
    return this.#rounds
  }

  /** Median and range of a row over the rounds. */
  row(name) {
    return spread(this.#rounds.map((round) => round[name]))
  }

  get text() {
    const figure = (name) => this.row(name).median.toFixed(3)
    const best = this.#isa.leech === 'C4' ? '' : `, ${this.#isa.leech} ${figure('leech')}`
    const check = this.#isa.leech === 'C4' ? '' : `, ${this.#isa.check} ${figure('check')}`
    return `floor, s/GB: C4 ${figure('c4')}${best}, 2b ${figure('seed')}, pread 64K + SHA-NI ${figure('simple')}${check}`
  }

  /** Some programs want 512 MiB of random bytes in their folder. */
  #prepare() {
    const source = join(this.#scratch, 'src.bin')
    if (existsSync(source)) return
    const script = 'head -c 536870912 "$1" > "$2"; truncate -s 536870912 "$2"'
    execFileSync('sh', ['-c', script, 'sh', this.#content, source])
  }
}

/**
 * Runs a program until each pattern has matched a line of it, then ends it: its other rows take minutes. One that dies
 * before (an instruction that this machine does not have) leaves NaN.
 */
async function measured(program, words, cwd, patterns) {
  const child = spawn(program, words, { cwd, stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = new Promise((resolve) => child.on('close', resolve))
  const late = setTimeout(() => child.kill('SIGKILL'), 900_000)
  let said = ''
  for await (const text of child.stdout.setEncoding('utf8')) {
    said += text
    if (patterns.every((pattern) => pattern.test(said))) break
  }
  clearTimeout(late)
  child.kill('SIGKILL')
  await ended
  return patterns.map((pattern) => Number(pattern.exec(said)?.[1] ?? Number.NaN))
}
