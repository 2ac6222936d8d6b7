// The packages of .ci/pack.mjs as strangers get them: from a registry (one of loopback), without compilers, without scripts.
import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseTriple } from '@napi-rs/cli'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { thisMachine } from '../../ts/native/load.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const packages = join(root, 'target', 'packages')
const { version, napi } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly version: string
  readonly napi: { readonly targets: readonly string[] }
}
const platforms = napi.targets.map((target) => parseTriple(target).platformArchABI)
const { platform, arch, libc } = thisMachine()
const here = [platform, arch, libc].filter((part) => part !== '').join('-')
const names = ['bitlode', `@bitlode/${here}`]

interface Description {
  readonly name: string
  readonly version: string
  readonly scripts?: object
  readonly private?: boolean
  readonly dependencies?: object
  readonly optionalDependencies?: Record<string, string>
}

interface Tarball {
  readonly bytes: Buffer
  readonly files: readonly string[]
  readonly description: Description
}

const tarballs = new Map<string, Tarball>()
let registry: Server
let base: string
let app: string

/** What a program said and how it ended; its path holds Node and nothing else, and its home is empty. */
function run(command: string, args: readonly string[], cwd = app): Promise<{ code: number; out: string; err: string }> {
  const env = { PATH: join(base, 'bin'), HOME: join(base, 'home') }
  return new Promise((resolve, reject) => {
    execFile(command, args, { cwd, env, encoding: 'utf8' }, (error, out, err) => {
      if (error && typeof error.code !== 'number') reject(error)
      else resolve({ code: Number(error?.code ?? 0), out, err })
    })
  })
}

/** Runs a module in the folder where the packages are installed and reads what it printed. */
async function evaluate(code: string, kind: 'module' | 'commonjs' = 'module', cwd = app): Promise<unknown> {
  const { code: exit, out, err } = await run(process.execPath, [`--input-type=${kind}`, '-e', code], cwd)
  expect({ exit, err: err.replace(/^.*(ExperimentalWarning|--trace-warnings).*\n/gm, '') }).toEqual({
    exit: 0,
    err: '',
  })
  return JSON.parse(out)
}

async function npm(args: readonly string[], cwd = app): Promise<void> {
  const found = (process.env.PATH ?? '').split(delimiter).flatMap((folder) => {
    try {
      return [realpathSync(join(folder, 'npm'))]
    } catch {
      return []
    }
  })
  const { port } = registry.address() as AddressInfo
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', `--registry=http://127.0.0.1:${port}`]
  const { code, out, err } = await run(process.execPath, [found[0] ?? 'npm', ...args, ...flags], cwd)
  expect({ code, said: code === 0 ? '' : out + err }).toEqual({ code: 0, said: '' })
}

/** A folder with a package.json of its own. */
function empty(name: string): string {
  const folder = join(base, name)
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{"name":"app","version":"1.0.0","private":true}')
  return folder
}

beforeAll(async () => {
  for (const file of readdirSync(packages).filter((name) => name.endsWith('.tgz'))) {
    const path = join(packages, file)
    const tar = (...args: string[]) => execFileSync('tar', args, { encoding: 'utf8', maxBuffer: 2 ** 26 })
    const files = tar('-tzf', path)
      .trim()
      .split('\n')
      .map((name) => name.replace(/^package\//, ''))
    const description = JSON.parse(tar('-xOzf', path, 'package/package.json')) as Description
    tarballs.set(description.name, { bytes: readFileSync(path), files, description })
  }
  registry = createServer(({ url = '', headers }, response) => {
    const [, name = '', file] = /^\/((?:@[^/%]+(?:\/|%2f))?[^/]+)(\/tarball)?$/i.exec(url) ?? []
    const found = tarballs.get(decodeURIComponent(name))
    if (!found) return response.writeHead(404).end('{}')
    if (file) return response.end(found.bytes)
    const { version } = found.description
    const integrity = `sha512-${createHash('sha512').update(found.bytes).digest('base64')}`
    const dist = { tarball: `http://${headers.host}/${name}/tarball`, integrity }
    const about = {
      name: found.description.name,
      'dist-tags': { latest: version },
      versions: { [version]: { ...found.description, dist } },
    }
    return response.setHeader('content-type', 'application/json').end(JSON.stringify(about))
  })
  await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve))
  base = mkdtempSync(join(tmpdir(), 'bitlode-packages-'))
  for (const folder of ['bin', 'home']) mkdirSync(join(base, folder))
  symlinkSync(process.execPath, join(base, 'bin', 'node'))
  app = empty('app')
  await npm(['install', 'bitlode'])
})

afterAll(async () => {
  await new Promise((resolve) => registry.close(resolve))
  rmSync(base, { recursive: true, force: true })
})

describe('the tarballs', () => {
  test('are two, of one version, and run nothing when they are installed', () => {
    expect([...tarballs.keys()].sort()).toEqual([...names].sort())
    for (const { description } of tarballs.values()) {
      const { scripts, dependencies, private: hidden } = description
      expect([description.version, scripts, dependencies, hidden]).toEqual([version, undefined, undefined, undefined])
    }
    expect(tarballs.get('bitlode')?.description.optionalDependencies).toEqual(
      Object.fromEntries(platforms.map((name) => [`@bitlode/${name}`, version])),
    )
  })

  test('hold what is needed and nothing else', () => {
    const { files = [], bytes } = tarballs.get('bitlode') ?? {}
    const texts = ['CHANGELOG.md', 'LICENSE', 'LICENSE-APACHE', 'README.md', 'package.json']
    expect(files.filter((file) => !/^dist\/.*\.(js|d\.ts)$/.test(file)).sort()).toEqual(texts)
    const sources = files.map((file) => file.replace(/^dist(\/.*?)(?:\.js|(?<!addon)\.d\.ts)$/, 'ts$1.ts'))
    const known = new Set(
      [...readdirSync(join(root, 'ts'), { recursive: true, encoding: 'utf8' })].map((name) => `ts/${name}`),
    )
    known.add('dist/native/addon.d.ts')
    expect(sources.filter((file) => !texts.includes(file) && !known.has(file))).toEqual([])
    expect(bytes?.length).toBeLessThan(400_000)
    const addon = tarballs.get(`@bitlode/${here}`)
    expect([...(addon?.files ?? [])].sort()).toEqual(
      ['LICENSE', 'LICENSE-APACHE', 'README.md', `bitlode.${here}.node`, 'package.json'].sort(),
    )
    expect(addon?.bytes.length).toBeLessThan(4_000_000)
  })

  test('hold the release addon, which has none of the hooks of tests', async () => {
    const hooks = [...readFileSync(join(root, 'bindings/src/hooks.rs'), 'utf8').matchAll(/^\s*pub fn (\w+)/gm)].map(
      ([, name = '']) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
    )
    expect(hooks.length).toBeGreaterThan(1)
    const code = `console.log(JSON.stringify(Object.keys(require('@bitlode/${here}'))))`
    const exports = (await evaluate(code, 'commonjs')) as string[]
    expect(exports).toEqual(expect.arrayContaining(['Engine', 'Reader', 'version']))
    expect(exports.filter((name) => hooks.includes(name))).toEqual([])
  })

  test('are for the platforms that the README names', () => {
    const text = readFileSync(join(root, 'README.md'), 'utf8')
    expect([...text.matchAll(/`@bitlode\/([\w-]+)`/g)].map(([, name]) => name).sort()).toEqual([...platforms].sort())
  })

  test.runIf(libc === 'gnu')('ask for no newer C library than the README says', () => {
    const file = join(app, `node_modules/@bitlode/${here}/bitlode.${here}.node`)
    const minors = [...readFileSync(file, 'latin1').matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor))
    const said = /glibc 2\.(\d+) or newer/.exec(readFileSync(join(root, 'README.md'), 'utf8'))?.[1]
    expect(minors.length).toBeGreaterThan(0)
    expect(Math.max(...minors)).toBeLessThanOrEqual(Number(said))
  })
})

describe('installed where there is no compiler', () => {
  test('there is none', async () => {
    for (const tool of ['cargo', 'rustc', 'cc', 'gcc', 'clang', 'make', 'python3']) {
      await expect(run(tool, ['--version']), tool).rejects.toThrow('ENOENT')
    }
  })

  test('nothing but the two packages came', () => {
    const lock = JSON.parse(readFileSync(join(app, 'node_modules/.package-lock.json'), 'utf8')) as { packages: object }
    expect(Object.keys(lock.packages).sort()).toEqual(names.map((name) => `node_modules/${name}`).sort())
  })

  for (const name of ['bitlode', 'bitlode/protocol', 'bitlode/util']) {
    test(`import and require of ${name} give the same names`, async () => {
      const imported = await evaluate(`console.log(JSON.stringify(Object.keys(await import('${name}')).sort()))`)
      const code = `console.log(JSON.stringify(Object.keys(require('${name}')).filter((n) => n !== '__esModule').sort()))`
      expect(await evaluate(code, 'commonjs')).toEqual(imported)
      expect(imported).toContain('TorrentError')
    })
  }

  /** Makes a torrent of a folder, checks the folder, changes a byte of it and checks again. */
  const makes = `
    const { mkdirSync, mkdtempSync, writeFileSync } = require('node:fs')
    const path = mkdtempSync('downloads-')
    mkdirSync(path + '/content/deep', { recursive: true })
    writeFileSync(path + '/content/deep/two.bin', Buffer.alloc(50_000, 2))
    const made = async ({ createTorrent, Torrent }, format) => {
      writeFileSync(path + '/content/one.bin', Buffer.alloc(100_000, 1))
      const torrent = await Torrent.open(await createTorrent(path + '/content', { format, pieceLength: 16384 }))
      const { have, pieces } = await torrent.hashcheck({ path })
      writeFileSync(path + '/content/one.bin', Buffer.alloc(100_000, 1).fill(3, 0, 1))
      const changed = await torrent.hashcheck({ path })
      return [torrent.infoHash, pieces - have, pieces - changed.have]
    }`

  test('a torrent is made of a folder and verified, by import and by require', async () => {
    const call = (load: string) => `
      ${makes}
      ;(async () => {
        const bitlode = ${load}
        const results = []
        for (const format of ['v1', 'v2', 'hybrid']) results.push(await made(bitlode, format))
        console.log(JSON.stringify(results))
      })()`
    const imported = await evaluate(call(`await import('bitlode')`), 'commonjs')
    expect(await evaluate(call(`require('bitlode')`), 'commonjs')).toEqual(imported)
    const hash = (length: number) => expect.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`))
    expect(imported).toEqual([
      [{ v1: hash(40), v2: null }, 0, 1],
      [{ v1: null, v2: hash(64) }, 0, 1],
      [{ v1: hash(40), v2: hash(64) }, 0, 1],
    ])
  })

  test('the command line makes and verifies one, and says when it is wrong', async () => {
    mkdirSync(join(app, 'book'))
    writeFileSync(join(app, 'book/text'), 'a text '.repeat(10_000))
    const bitlode = (...args: string[]) => run(join(app, 'node_modules/.bin/bitlode'), args)
    expect(await bitlode('create', 'book', '-o', 'book.torrent')).toMatchObject({ code: 0, err: '' })
    expect(await bitlode('info', 'book.torrent')).toMatchObject({ code: 0, out: expect.stringContaining('book') })
    expect((await bitlode('verify', 'book.torrent', '.')).code).toBe(0)
    writeFileSync(join(app, 'book/text'), 'another '.repeat(8_750))
    expect((await bitlode('verify', 'book.torrent', '.')).code).not.toBe(0)
  })

  test('the types are found and right for modules of both kinds', async () => {
    const folder = join(app, 'typed')
    mkdirSync(folder)
    const body = `
      const made: Promise<Uint8Array> = bitlode.createTorrent('folder', { format: 'hybrid' })
      const opened: Promise<bitlode.Torrent> = made.then((bytes) => bitlode.Torrent.open(bytes))
      const hash: Promise<string | null> = opened.then(({ infoHash }) => infoHash.v2)
      const query: string = protocol.escapeBytes(new Uint8Array(20))
      const value: util.BencodeValue = util.bdecode(util.bencode({ a: 1n }))
      // @ts-expect-error The option is spelled otherwise.
      bitlode.createTorrent('folder', { formats: 'v1' })
      export = { hash, query, value }`
    const imports = ['bitlode', 'bitlode/protocol', 'bitlode/util'].map((name) => [/\w+$/.exec(name)?.[0], name])
    const esm = imports.map(([as, name]) => `import * as ${as} from '${name}'\n`).join('')
    const cjs = imports.map(([as, name]) => `import ${as} = require('${name}')\n`).join('')
    writeFileSync(join(folder, 'module.mts'), esm + body.replace('export = ', 'export default '))
    writeFileSync(join(folder, 'common.cts'), cjs + body)
    const compilerOptions = {
      module: 'nodenext',
      moduleResolution: 'nodenext',
      target: 'es2022',
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      typeRoots: [join(root, 'node_modules/@types')],
      types: ['node'],
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*'] }))
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    expect(await run(process.execPath, [tsc, '-p', folder])).toEqual({ code: 0, out: '', err: '' })
  })
})

test('without the platform package the error names the command that brings it', async () => {
  const folder = empty('omitted')
  await npm(['install', 'bitlode', '--omit=optional'], folder)
  const code = `
    import { parseMagnet } from 'bitlode'
    try {
      console.log(JSON.stringify(parseMagnet('magnet:?xt=urn:btih:' + '0'.repeat(40)).infoHash.v1))
    } catch ({ code, message }) {
      console.log(JSON.stringify([code, message]))
    }`
  const [error, message] = (await evaluate(code, 'module', folder)) as [string, string]
  expect(error).toBe('ERR_ADDON_LOAD')
  expect(message).toContain(`@bitlode/${here}`)
  const command = /`npm (install [^`]*)`/.exec(message)?.[1] ?? ''
  await npm(command.split(' '), folder)
  expect(await evaluate(code, 'module', folder)).toBe('0'.repeat(40))
})
