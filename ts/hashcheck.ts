import { abortSignal, callback, readOptions, text } from './check.ts'
import { TorrentError } from './errors.ts'
import { withOfflineEngine } from './offline.ts'
import { type CheckResult, type HashcheckOptions, indices, runs } from './progress.ts'
import type { Loaded } from './source.ts'
import { tell } from './tell.ts'
import type { Values } from './values.ts'
import { abortable, throwIfAborted } from './wait.ts'

/** Checks the content in a folder against a .torrent file, on an engine of its own that has no network. */
export async function hashcheck(loaded: Loaded, values: Values, options: HashcheckOptions): Promise<CheckResult> {
  const read = readOptions(options, ['path', 'pieces', 'files', 'signal', 'onProgress'], 'hashcheck')
  const folder = read.path === undefined ? '.' : text('path', read.path)
  const wanted = { folder, pieces: runs('pieces', read.pieces), files: indices('files', read.files) }
  const signal = abortSignal(read.signal)
  const onProgress = read.onProgress === undefined ? undefined : callback('onProgress', read.onProgress)
  throwIfAborted(signal)
  if (loaded.kind === 'magnet') {
    throw new TorrentError('ERR_NO_METADATA', 'A magnet link does not say what the content must be')
  }
  return withOfflineEngine(values, async (engine) => {
    const { request, answer } = engine.command(
      (addon) => addon.checkContent(loaded.bytes, wanted),
      ({ have, pieces, right }) => ({ have: have ?? 0, pieces: pieces ?? 0, bitfield: right ?? new Uint8Array() }),
      ({ hashed, pieces }) => tell('onProgress', onProgress, { checked: hashed, pieces }),
    )
    const result = await abortable(answer, signal, () => engine.tell((addon) => addon.cancelCreate(request)))
    tell('onProgress', onProgress, { checked: result.pieces, pieces: result.pieces })
    return result
  })
}
