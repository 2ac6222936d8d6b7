import type { NativeEngine } from './native/engine.ts'
import type { Loaded } from './source.ts'
import { Torrent } from './torrent.ts'
import type { Values } from './values.ts'

/** What becomes of the content of a torrent that is added. */
export interface AddSpec {
  readonly folder: string
  readonly mode: 'download' | 'seed' | 'verify'
  readonly overwrite?: boolean
  readonly start?: boolean
}

/** @internal Adds a torrent to an engine. States that follow the reply find the torrent in place. */
export function attach(engine: NativeEngine, loaded: Loaded, values: Values, spec: AddSpec): Promise<Torrent> {
  const { folder, mode, overwrite = false, start = true } = spec
  const options = { folder, mode, overwrite, start }
  return engine.ask(
    (native) =>
      loaded.kind === 'metainfo' ? native.addMetainfo(loaded.bytes, options) : native.addMagnet(loaded.link, options),
    (reply) => new Torrent(loaded, values, { engine, id: reply.torrent ?? 0, start }),
  )
}
