import type { MagnetFacts, MetainfoFacts, TorrentInfo } from './native/addon.d.ts'
import { FileList } from './native/unpack.ts'
import type { Loaded } from './source.ts'

/** The info-hashes of a torrent, hexadecimal: v1 (BEP 3), v2 (BEP 52), or both for a hybrid. */
export interface InfoHash {
  readonly v1: string | null
  readonly v2: string | null
}

/** What is known of a torrent before anything runs; a magnet link's files follow with its metadata. */
export class Facts {
  readonly infoHash: InfoHash
  /** Tracker tiers. */
  readonly trackers: readonly (readonly string[])[]
  readonly webSeeds: readonly string[]
  /** Peers that the magnet link names. */
  readonly peers: readonly string[]
  /** What is beside the info dictionary of a .torrent file. */
  readonly file: Readonly<Partial<MetainfoFacts>>
  /** What a magnet link says. */
  readonly link: MagnetFacts | null
  readonly comment: string | null
  readonly createdBy: string | null
  /** Seconds since 1970. */
  readonly creationDate: number | null
  /** What is odd about the .torrent file and was accepted. */
  readonly warnings: readonly string[]
  #info: TorrentInfo | undefined
  #files: FileList | undefined

  constructor(loaded: Loaded) {
    const { kind, facts } = loaded
    const info = kind === 'metainfo' ? facts.info : facts
    this.infoHash = Object.freeze({ v1: info.v1, v2: info.v2 })
    this.trackers = kind === 'metainfo' ? facts.trackers : facts.trackers.map((url) => [url])
    this.webSeeds = facts.webSeeds
    this.peers = kind === 'magnet' ? facts.peers : []
    const file: Partial<MetainfoFacts> = kind === 'metainfo' ? facts : {}
    this.file = file
    this.link = kind === 'magnet' ? facts : null
    this.comment = file.comment ?? null
    this.createdBy = file.createdBy ?? null
    this.creationDate = file.creationDate ?? null
    this.warnings = file.warnings ?? []
    if (kind === 'metainfo') this.learn(facts.info)
  }

  /** The metadata is known. */
  learn(info: TorrentInfo): void {
    this.#info ??= info
    this.#files ??= new FileList(this.#info.files)
  }

  /** The info dictionary; undefined before a magnet link's metadata is known. */
  get info(): TorrentInfo | undefined {
    return this.#info
  }

  get files(): FileList | undefined {
    return this.#files
  }

  get name(): string {
    return this.#info?.name ?? this.link?.name ?? this.key
  }

  get originalName(): string {
    return this.#info?.originalName ?? this.link?.name ?? this.key
  }

  /** What the torrent is known by in maps: the v1 hash where there is one. */
  get key(): string {
    return this.infoHash.v1 ?? this.infoHash.v2 ?? ''
  }
}
