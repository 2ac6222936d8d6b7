import { NativeEngine } from './native/engine.ts'
import type { Values } from './values.ts'
import { CLIENT_NAME } from './version.ts'

/** Runs `body` with an engine that has no network and is gone afterwards. */
export async function withOfflineEngine<T>(values: Values, body: (engine: NativeEngine) => Promise<T>): Promise<T> {
  const portable = process.env.BITLODE_SYS === 'portable'
  const options = { ...values.packed, shards: 1, network: false, client: CLIENT_NAME, portable }
  const engine = new NativeEngine(options, { happened: nothing, lost: nothing, failed: nothing })
  try {
    return await body(engine)
  } finally {
    engine.destroy()
  }
}

function nothing(): void {}
