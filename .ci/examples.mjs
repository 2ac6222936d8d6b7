// Builds the façade's examples from its packages, as somebody would who has them of a registry: `cargo package` makes one
// of each crate, they are unpacked, and a workspace that knows nothing but these compiles them.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { at, run, sharedTarget } from './lib.mjs'

/** What is no package: it serves development or is Node's addon. */
const unpacked = ['bitlode-netsim', 'bitlode-bindings']
const folder = at('target/packaged')
const sources = join(folder, 'sources')

async function cargo(words) {
  const { code, output } = await run('cargo', words, { quiet: true })
  if (code !== 0) throw new Error(`cargo ${words.join(' ')}: ${code}\n${output}`)
}

/** Makes a package of each crate; resolves to their files by the crate's name. */
export async function packCrates() {
  const exclude = unpacked.flatMap((name) => ['--exclude', name])
  const words = ['package', '--workspace', ...exclude, '--no-verify', '--allow-dirty', '--target-dir', folder]
  rmSync(join(folder, 'package'), { recursive: true, force: true })
  // A workspace that was built has all it needs here; if not, cargo asks the registry.
  const offline = await run('cargo', [...words, '--offline'], { quiet: true })
  if (offline.code !== 0) await cargo(words)
  const packages = readdirSync(join(folder, 'package')).filter((name) => name.endsWith('.crate'))
  return new Map(packages.map((name) => [name.replace(/-\d[^-]*\.crate$/, ''), join(folder, 'package', name)]))
}

/** The files of a package, by path. */
export function packedFiles(crate) {
  const path = join(folder, 'unpacked')
  rmSync(path, { recursive: true, force: true })
  mkdirSync(path, { recursive: true })
  execFileSync('tar', ['xzf', crate, '-C', path, '--strip-components', '1'])
  const entries = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const files = entries.map((entry) => join(entry.parentPath, entry.name))
  return new Map(files.map((file) => [file.slice(path.length + 1), readFileSync(file)]))
}

/** Makes `path` hold these files and no others. What has not changed is not touched, so that it is not compiled again. */
function lay(path, files) {
  const there = existsSync(path) ? readdirSync(path, { recursive: true, withFileTypes: true }) : []
  for (const entry of there) {
    const file = join(entry.parentPath, entry.name)
    if (entry.isFile() && !files.has(file.slice(path.length + 1))) rmSync(file)
  }
  for (const [name, bytes] of files) {
    const file = join(path, name)
    if (existsSync(file) && readFileSync(file).equals(bytes)) continue
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, bytes)
  }
}

/** Compiles the examples; resolves to the folder of the programs. */
export async function buildExamples(packages) {
  const files = new Map()
  for (const [name, crate] of packages)
    for (const [path, bytes] of packedFiles(crate)) files.set(join(name, path), bytes)
  const others = [...packages.keys()].filter((name) => name !== 'bitlode')
  const patches = others.map((name) => `${name} = { path = "${name}" }\n`)
  const manifest = `[workspace]\nresolver = "3"\nmembers = ["bitlode"]\n\n[patch.crates-io]\n${patches.join('')}`
  files.set('Cargo.toml', Buffer.from(manifest))
  // Others' crates are those that the package's lock file pins; ours have no origin, since they lie beside the manifest.
  const lock = files.get('bitlode/Cargo.lock').toString()
  const ours = /^(name = "bitlode-.*"\nversion = ".*"\n)source = ".*"\nchecksum = ".*"\n/gm
  files.set('Cargo.lock', Buffer.from(lock.replaceAll(ours, '$1')))
  lay(sources, files)
  const target = join(folder, 'build')
  const words = ['--locked', '--manifest-path', join(sources, 'Cargo.toml')]
  await cargo(['build', '--release', '--examples', ...words, '--target-dir', target, ...sharedTarget()])
  const { packages: used } = JSON.parse(
    execFileSync('cargo', ['metadata', '--format-version', '1', '--offline', ...words], { maxBuffer: 2 ** 28 }),
  )
  for (const { name, source, manifest_path } of used)
    if (source === null && !manifest_path.startsWith(`${sources}/`)) throw new Error(`${name} is not of a package`)
  return join(target, sharedTarget()[1] ?? '', 'release/examples')
}

if (import.meta.url === pathToFileURL(process.argv[1]).href)
  process.stdout.write(`${await buildExamples(await packCrates())}\n`)
