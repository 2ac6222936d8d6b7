import type { Peer } from '../peer.ts'
import type { PackedFiles, PackedPeers } from './addon.d.ts'

const utf8 = new TextDecoder()

/** What is known of a file without looking at the disk. */
export interface FileFacts {
  /** The path below the download folder, as it is on disk; `/` between its parts. */
  readonly path: string
  /** The same as the torrent spells it. */
  readonly originalPath: string
  /** Bytes. */
  readonly length: number
  /** Offset of its first byte in the torrent. */
  readonly offset: number
  /** Padding: zeros that are neither on disk nor downloaded. */
  readonly pad: boolean
  readonly executable: boolean
  readonly hidden: boolean
  readonly symlink: boolean
  /** Where a symbolic link points, below the torrent's folder. */
  readonly target: string | null
  /** Root of the hash tree (BEP 52), 32 bytes. */
  readonly root: Uint8Array | null
}

/** The files of a torrent: objects are made when they are asked for. */
export class FileList {
  readonly #packed: PackedFiles

  constructor(packed: PackedFiles) {
    this.#packed = packed
  }

  get length(): number {
    return this.#packed.count
  }

  at(index: number): FileFacts {
    const { names, ends, numbers, flags, roots, links, targets } = this.#packed
    const name = (at: number) => utf8.decode(names.subarray(at === 0 ? 0 : ends[at - 1], ends[at]))
    const bits = flags[index] ?? 0
    return {
      path: name(2 * index),
      originalPath: name(2 * index + 1),
      length: numbers[2 * index] ?? 0,
      offset: numbers[2 * index + 1] ?? 0,
      pad: (bits & 1) !== 0,
      executable: (bits & 2) !== 0,
      hidden: (bits & 4) !== 0,
      symlink: (bits & 8) !== 0,
      target: (bits & 8) === 0 ? null : (targets[links.indexOf(index)] ?? null),
      root: rootOf(roots.subarray(32 * index, 32 * index + 32)),
    }
  }
}

function rootOf(root: Uint8Array): Uint8Array | null {
  return root.some((byte) => byte !== 0) ? root.slice() : null
}

/** Every peer of a list. */
export function unpackPeers(packed: PackedPeers): Peer[] {
  const { count, names, ends, ids, flags, numbers } = packed
  const name = (at: number) => utf8.decode(names.subarray(at === 0 ? 0 : ends[at - 1], ends[at]))
  const number = (at: number) => numbers[at] ?? 0
  return Array.from({ length: count }, (_, index) => {
    const bits = flags[index] ?? 0
    return {
      address: name(2 * index),
      client: name(2 * index + 1),
      id: ids.slice(20 * index, 20 * index + 20),
      outgoing: (bits & 1) !== 0,
      choking: (bits & 2) !== 0,
      choked: (bits & 4) !== 0,
      interested: (bits & 8) !== 0,
      wanted: (bits & 16) !== 0,
      snubbed: (bits & 32) !== 0,
      pieces: number(6 * index),
      downloaded: number(6 * index + 1),
      uploaded: number(6 * index + 2),
      downloadRate: number(6 * index + 3),
      uploadRate: number(6 * index + 4),
      requests: number(6 * index + 5),
    }
  })
}
