// WebTorrent imports a WebRTC binary that is not wanted for TCP: both of its names become an empty module.
import { register } from 'node:module'

const names = ['RTCPeerConnection', 'RTCSessionDescription', 'RTCIceCandidate', 'RTCDataChannel', 'default']
const empty = `data:text/javascript,${encodeURIComponent(names.map((name) => (name === 'default' ? 'export default {}' : `export const ${name} = undefined`)).join(';'))}`
const hook = `export async function resolve(name, context, next) {
  if (/^(node-datachannel|webrtc-polyfill)/.test(name)) return { url: ${JSON.stringify(empty)}, shortCircuit: true }
  return next(name, context)
}`
register(`data:text/javascript,${encodeURIComponent(hook)}`)
