import type { Peer } from '../peer.ts'
import type { PackedFiles, PackedPeers } from './addon.d.ts'

const utf8 = new TextDecoder()

/** A file that a .torrent file lists. */
export interface TorrentFile {
  /** The path below the download folder, as it is on disk, safe on every system; `/` between its parts. */
  readonly path: string
  /** The same as the torrent spells it; not fit for the disk. */
  readonly originalPath: string
  /** Bytes. */
  readonly length: number
  /** Bytes of all files before it: where its first byte is in the torrent. */
  readonly offset: number
  /** Padding (BEP 47): zeros that are neither on disk nor downloaded. */
  readonly pad: boolean
  /** It may be run (BEP 47). */
  readonly executable: boolean
  /** It is not shown by default (BEP 47). */
  readonly hidden: boolean
  /** It is a symbolic link (BEP 47). */
  readonly symlink: boolean
  /** Where a symbolic link points, below the torrent's folder; null for other files. */
  readonly target: string | null
  /** Root of the hash tree (BEP 52), 32 bytes; null without a v2 half and for empty files. */
  readonly root: Uint8Array | null
}

/** The files of a torrent: objects are made when they are asked for. */
export class FileList {
  readonly #packed: PackedFiles
  readonly #names: Buffer

  constructor(packed: PackedFiles) {
    this.#packed = packed
    const { buffer, byteOffset, byteLength } = packed.names
    this.#names = Buffer.from(buffer, byteOffset, byteLength)
  }

  get length(): number {
    return this.#packed.count
  }

  at(index: number): TorrentFile {
    return new PackedFile(this.#packed, this.#names, index)
  }
}

/** One file of a list; what is asked for is decoded then. */
class PackedFile implements TorrentFile {
  readonly #packed: PackedFiles
  readonly #names: Buffer
  readonly #index: number

  constructor(packed: PackedFiles, names: Buffer, index: number) {
    this.#packed = packed
    this.#names = names
    this.#index = index
  }

  get path(): string {
    return this.#name(2 * this.#index)
  }

  get originalPath(): string {
    return this.#name(2 * this.#index + 1)
  }

  get length(): number {
    return this.#packed.numbers[2 * this.#index] ?? 0
  }

  get offset(): number {
    return this.#packed.numbers[2 * this.#index + 1] ?? 0
  }

  get pad(): boolean {
    return this.#flag(1)
  }

  get executable(): boolean {
    return this.#flag(2)
  }

  get hidden(): boolean {
    return this.#flag(4)
  }

  get symlink(): boolean {
    return this.#flag(8)
  }

  get target(): string | null {
    const { links, targets } = this.#packed
    return this.symlink ? (targets[links.indexOf(this.#index)] ?? null) : null
  }

  get root(): Uint8Array | null {
    const root = this.#packed.roots.subarray(32 * this.#index, 32 * this.#index + 32)
    return root.some((byte) => byte !== 0) ? root.slice() : null
  }

  #flag(bit: number): boolean {
    return ((this.#packed.flags[this.#index] ?? 0) & bit) !== 0
  }

  #name(at: number): string {
    const { ends } = this.#packed
    return this.#names.toString('utf8', at === 0 ? 0 : ends[at - 1], ends[at])
  }
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
