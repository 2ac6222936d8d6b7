import { bytes } from './check.ts'
import type { InfoHash } from './facts.ts'
import type { SignatureFacts as TorrentSignature } from './native/addon.d.ts'
import { parseMetainfo } from './native/parse.ts'
import { FileList, type TorrentFile } from './native/unpack.ts'
import { Values } from './values.ts'

export type { TorrentFile }

/** What a .torrent file says (BEP 3, 52). Absent lists are empty, everything else that is absent is null. */
export interface TorrentMetadata {
  /** The info-hashes, of the bytes as they stand. */
  readonly infoHash: InfoHash
  /** The name of the file or folder on disk, safe on every system. */
  readonly name: string
  /** The name as the torrent spells it; not fit for the disk. */
  readonly originalName: string
  /** Bytes of all content, pads not counted. */
  readonly length: number
  /** Bytes of a piece. */
  readonly pieceLength: number
  /** How many pieces. */
  readonly pieces: number
  /** The files in the order of the torrent, pads included. Made when first asked for. */
  readonly files: readonly TorrentFile[]
  /** Only the trackers may be asked for peers (BEP 27). */
  readonly private: boolean
  /** Tracker tiers (BEP 12). */
  readonly trackers: readonly (readonly string[])[]
  /** URLs where the content can be fetched over HTTP (BEP 19). */
  readonly webSeeds: readonly string[]
  /** Seeds of the kind of BEP 17. */
  readonly httpSeeds: readonly string[]
  /** DHT nodes to start from, each `host:port` (BEP 5). */
  readonly nodes: readonly string[]
  /** What some trackers want in a torrent to make its info-hash their own. */
  readonly source: string | null
  /** Where a newer version of the torrent may be (BEP 39). */
  readonly updateUrl: string | null
  /** The certificate, in PEM, that signs those of all peers (`ssl-cert`). */
  readonly sslCert: string | null
  /** v1 info-hashes, hexadecimal, of torrents that may share files (BEP 38). */
  readonly similar: readonly string[]
  /** What the torrent belongs to (BEP 38). */
  readonly collections: readonly string[]
  /** Who vouches for the info dictionary (BEP 35); nothing is checked. */
  readonly signatures: readonly TorrentSignature[]
  /** The character set of names that are not UTF-8. */
  readonly encoding: string | null
  /** Free text. */
  readonly comment: string | null
  /** What made it. */
  readonly createdBy: string | null
  /** When it was made, as it says. */
  readonly creationDate: Date | null
  /** What is odd about it and was accepted. */
  readonly warnings: readonly string[]
  /** The bytes of the info dictionary, which the info-hashes are of; what is not listed here is read from them. */
  readonly rawInfo: Uint8Array
}

/**
 * Reads the bytes of a .torrent file, v1, v2 or hybrid, at once and without a torrent being made of it. `Torrent.open` takes
 * the same bytes, and paths and magnet links too, and gives an object that can check content.
 *
 * Errors: `ERR_METAINFO_…`, `ERR_BENCODE_…`, `ERR_INVALID_OPTION` for what is not bytes or more than the default of the
 * setting `maxMetainfoBytes`, `ERR_ADDON_LOAD`.
 */
export function parseTorrent(torrent: Uint8Array): TorrentMetadata {
  const values = new Values()
  const file = bytes('torrent', torrent, values.number('maxMetainfoBytes'))
  const { info, infoOffset, infoBytes, creationDate, ...beside } = parseMetainfo(file, values)
  const { v1, v2, files, ...inside } = info
  let made: readonly TorrentFile[] | undefined
  return {
    infoHash: { v1, v2 },
    ...inside,
    get files() {
      made ??= listFiles(new FileList(files))
      return made
    },
    ...beside,
    creationDate: creationDate === null ? null : new Date(creationDate * 1000),
    rawInfo: file.slice(infoOffset, infoOffset + infoBytes),
  }
}

function listFiles(list: FileList): TorrentFile[] {
  return Array.from({ length: list.length }, (_, at) => {
    const { path, originalPath, length, offset, pad, executable, hidden, symlink, target, root } = list.at(at)
    return { path, originalPath, length, offset, pad, executable, hidden, symlink, target, root }
  })
}
