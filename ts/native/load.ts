import { createRequire } from 'node:module'
import { join } from 'node:path'
import { messageOf, TorrentError } from '../errors.ts'
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

let loaded: Addon | undefined

/**
 * The addon: that of the installed platform package, or that of a local build (`BITLODE_NATIVE=debug` takes the debug
 * build). It is loaded when it is first needed, never on import.
 *
 * Errors: `ERR_ADDON_LOAD` names the platform, the expected file, and the command that mends it.
 */
export function addon(): Addon {
  loaded ??= loadAddon(thisMachine(), createRequire(import.meta.url))
  return loaded
}

/** Loads the addon for `machine` with `require`. */
export function loadAddon(machine: Machine, require: (id: string) => unknown): Addon {
  const name = [machine.platform, machine.arch, machine.libc].filter((part) => part !== '').join('-')
  const file = `bitlode.${name}.node`
  const build = process.env.BITLODE_NATIVE === 'debug' ? 'debug' : 'release'
  const root = join(import.meta.dirname, '..', '..')
  const built = join(root, 'bindings', 'out', build, file)
  const failures: string[] = []
  for (const candidate of build === 'debug' ? [built] : [`@bitlode/${name}`, built]) {
    try {
      return require(candidate) as Addon
    } catch (error) {
      if (!isAbsent(error, candidate)) failures.push(`${candidate}: ${firstLine(error)}`)
    }
  }
  const why = failures.length > 0 ? `cannot be loaded (${failures.join('; ')})` : 'is missing'
  const command = build === 'debug' ? 'npm run build:debug' : 'npm run build'
  throw new TorrentError(
    'ERR_ADDON_LOAD',
    `The native addon for ${name} (Node ${process.versions.node}) ${why}: expected ${built}. Run \`npm install bitlode\` again, or \`${command}\` in a checkout.`,
  )
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
