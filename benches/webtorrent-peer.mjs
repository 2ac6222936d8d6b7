// A WebTorrent peer: node --import webtorrent-hooks.mjs webtorrent-peer.mjs INDEX.js '{"mode","torrent","path","host","peers"}'
const [, , index, text] = process.argv
const { mode, torrent, path, host, peers } = JSON.parse(text)
const { default: WebTorrent } = await import(index)
const client = new WebTorrent({
  dht: false,
  lsd: false,
  tracker: false,
  utp: false,
  natUpnp: false,
  natPmp: false,
  // It listens at every address, so the two of a transfer need ports of their own.
  torrentPort: mode === 'seed' ? 6881 : 6882,
  utPex: false,
})
const say = (words) => process.stdout.write(`${JSON.stringify(words)}\n`)
client.on('error', (error) => say({ event: 'error', message: String(error) }))
const added = client.add(torrent, { path, announce: [], skipVerify: mode === 'seed' })
added.on('ready', () => {
  say({ event: 'ready', host })
  for (const peer of peers) added.addPeer(peer)
})
added.on('done', () => say({ event: 'done' }))
process.on('SIGTERM', () => process.exit(0))
