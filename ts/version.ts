/** The version of this package; a test compares it with package.json and the addon. */
export const VERSION = '0.1.0'

/** The name that peers see (BEP 10 `v`). */
export const CLIENT_NAME = `Bitlode ${VERSION}`
