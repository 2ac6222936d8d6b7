import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { messageOf, TorrentError } from '../errors.ts'
import { VERSION } from '../version.ts'
import type * as Exports from './addon.d.ts'

/** The addon's exports. */
export type Addon = typeof Exports

/** What the loader needs to know of the machine. */
export interface Machine {
  readonly platform: string
  readonly arch: string
  /** `gnu` or `musl` on Linux, else empty. */
  readonly libc: string
}

/** The folder of this package: above `dist/native` where it is installed, above `ts/native` in a checkout. */
const packageRoot = join(import.meta.dirname, '..', '..')

let loaded: Addon | undefined

/**
 * The addon: that of the installed platform package, or that of a local build (`BITLODE_NATIVE=debug` takes the debug
 * build). It is loaded when it is first needed, never on import.
 *
 * Errors: `ERR_ADDON_LOAD` names the platform, its libc, the package or file that was expected, and the command that mends
 * it.
 */
export function addon(): Addon {
  loaded ??= loadAddon(thisMachine(), createRequire(import.meta.url))
  return loaded
}

/**
 * Loads the addon for `machine` with `require`. `root` is the folder of this package: what stands there says whether it is a
 * checkout, and which platform packages belong to it.
 */
export function loadAddon(machine: Machine, require: (id: string) => unknown, root = packageRoot): Addon {
  const name = [machine.platform, machine.arch, machine.libc].filter((part) => part !== '').join('-')
  const build = process.env.BITLODE_NATIVE === 'debug' ? 'debug' : 'release'
  const built = join(root, 'bindings', 'out', build, `bitlode.${name}.node`)
  const failures: string[] = []
  for (const candidate of build === 'debug' ? [built] : [`@bitlode/${name}`, built]) {
    try {
      const found = require(candidate) as Addon
      const version = found.version()
      if (version === VERSION) return found
      failures.push(`${candidate}: its version is ${version}`)
    } catch (error) {
      if (!isAbsent(error, candidate)) failures.push(`${candidate}: ${firstLine(error)}`)
    }
  }
  const { platform, arch, libc } = machine
  const where = `${platform} ${arch}${libc === '' ? '' : `, libc ${libc}`} (Node ${process.versions.node})`
  const why = failures.length > 0 ? `cannot be used (${failures.join('; ')})` : 'is missing'
  const mend = existsSync(join(root, 'bindings', 'Cargo.toml'))
    ? `Expected ${built}. Run \`npm run build${build === 'debug' ? ':debug' : ''}\`.`
    : advice(`@bitlode/${name}`, failures.length > 0, root)
  throw new TorrentError('ERR_ADDON_LOAD', `The native addon of bitlode ${VERSION} for ${where} ${why}. ${mend}`)
}

/** What helps where the package is installed. */
function advice(wanted: string, present: boolean, root: string): string {
  const packages = platformPackages(root)
  if (!packages.includes(wanted)) {
    const others = packages.length > 0 ? `only ${packages.join(', ')}` : 'none'
    return `Expected ${wanted}, but no package is published for this platform (${others}). In a checkout of bitlode \`npm run build\` builds the addon.`
  }
  const install = `npm install --include=optional bitlode@${VERSION}`
  // npm drops a package that an older tree or lock file lacks for good: https://github.com/npm/cli/issues/4828
  return present
    ? `Expected ${wanted}@${VERSION}. Delete node_modules, then run \`${install}\`.`
    : `Expected ${wanted}@${VERSION}, which npm leaves out with --omit=optional, and when node_modules or package-lock.json come from another platform. Run \`${install}\`; if that does not help, delete node_modules and package-lock.json first.`
}

/** The platform packages of this version; none in a checkout, where package.json does not name them. */
function platformPackages(root: string): string[] {
  try {
    const description: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const { optionalDependencies } = description as { optionalDependencies?: Record<string, string> }
    return Object.keys(optionalDependencies ?? {})
  } catch {
    // A bundler moved this file away from its package.
    return []
  }
}

/** What this process runs on. */
export function thisMachine(): Machine {
  const { platform, arch } = process
  return {
    platform,
    arch,
    libc: platform === 'linux' ? (isGlibc() ? 'gnu' : 'musl') : platform === 'win32' ? 'msvc' : '',
  }
}

function isGlibc(): boolean {
  // Without this the report looks up the name of every connected address, which can take seconds.
  const report = process.report as typeof process.report & { excludeNetwork?: boolean }
  const before = report.excludeNetwork ?? false
  report.excludeNetwork = true
  const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } }
  report.excludeNetwork = before
  return header?.glibcVersionRuntime !== undefined
}

function isAbsent(error: unknown, candidate: string): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'MODULE_NOT_FOUND' && messageOf(error).includes(candidate)
}

function firstLine(error: unknown): string {
  return messageOf(error).split('\n', 1)[0] ?? ''
}
