import type { MagnetFacts, MetainfoFacts, TorrentInfo } from './native/addon.d.ts'
import { buildMagnet, parseMetainfo } from './native/parse.ts'
import { FileList } from './native/unpack.ts'
import type { Loaded } from './source.ts'
import type { Values } from './values.ts'

/** The info-hashes of a torrent, hexadecimal: v1 (BEP 3), v2 (BEP 52), or both for a hybrid. */
export interface InfoHash {
  /** SHA-1 of the info dictionary, 40 hexadecimal digits; null without a v1 half. */
  readonly v1: string | null
  /** SHA-256 of the info dictionary, 64 hexadecimal digits; null without a v2 half. */
  readonly v2: string | null
}

/** What is asked of a torrent that waits: it is there without its .torrent file being read again. */
export interface Summary {
  readonly name: string
  readonly originalName: string | null
  readonly private: boolean
  readonly pieceLength: number
  readonly pieces: number
  readonly length: number
}

type Tiers = readonly (readonly string[])[]

const NO_TIERS: Tiers = Object.freeze([])

/**
 * What is known of a torrent before anything runs; a magnet link's files follow with its metadata. Of a .torrent file the
 * lists are read when they are first asked for: most of many torrents are never looked at so closely.
 */
export class Facts {
  readonly #loaded: Loaded
  readonly #values: Values
  /** Of a magnet link, once it is known. */
  #learned: TorrentInfo | undefined
  /** Of a .torrent file, once somebody has asked. */
  #file: MetainfoFacts | undefined
  #files: FileList | undefined
  #infoHash: InfoHash | undefined

  constructor(loaded: Loaded, values: Values) {
    this.#loaded = loaded
    this.#values = values
  }

  /** Where it comes from. */
  get loaded(): Loaded {
    return this.#loaded
  }

  /** The metadata is known. */
  learn(info: TorrentInfo): void {
    if (!this.summary) this.#learned = info
  }

  /** The least that is known with the metadata; undefined before a magnet link's is. */
  get summary(): Summary | undefined {
    return this.#loaded.kind === 'metainfo' ? this.#loaded.facts : this.#learned
  }

  /** The info dictionary; undefined before a magnet link's metadata is known. */
  get info(): TorrentInfo | undefined {
    return this.#loaded.kind === 'metainfo' ? this.#whole()?.info : this.#learned
  }

  get files(): FileList | undefined {
    const info = this.info
    if (info) this.#files ??= new FileList(info.files)
    return this.#files
  }

  /** What is beside the info dictionary of a .torrent file. */
  get file(): Readonly<Partial<MetainfoFacts>> {
    return this.#whole() ?? {}
  }

  /** What a magnet link says. */
  get link(): MagnetFacts | null {
    return this.#loaded.kind === 'magnet' ? this.#loaded.facts : null
  }

  get infoHash(): InfoHash {
    const { v1, v2 } = this.#loaded.facts
    this.#infoHash ??= Object.freeze({ v1, v2 })
    return this.#infoHash
  }

  /** What the torrent is known by in maps: the v1 hash where there is one. */
  get key(): string {
    const { v1, v2 } = this.#loaded.facts
    return v1 ?? v2 ?? ''
  }

  get name(): string {
    return this.summary?.name ?? this.link?.name ?? this.key
  }

  get originalName(): string {
    return this.summary?.originalName ?? this.name
  }

  /** Tracker tiers. */
  get trackers(): Tiers {
    const { kind, facts } = this.#loaded
    return (kind === 'metainfo' ? facts.trackers : facts.trackers.map((url) => [url])) ?? NO_TIERS
  }

  get webSeeds(): readonly string[] {
    return this.file.webSeeds ?? this.link?.webSeeds ?? []
  }

  /** The link of this torrent: the one it was made of, or one of its own, without trackers when it is private. */
  get magnet(): string {
    const { infoHash, link, name, trackers } = this
    if (link) return buildMagnet(link)
    const shown = this.summary?.private ? [] : trackers.flat()
    const none = {
      webSeeds: [],
      peers: [],
      nodes: [],
      sources: [],
      acceptable: [],
      keywords: [],
      select: [],
      other: [],
    }
    return buildMagnet({ ...none, ...infoHash, name, trackers: shown, length: null })
  }

  #whole(): MetainfoFacts | undefined {
    const loaded = this.#loaded
    if (loaded.kind === 'metainfo') this.#file ??= parseMetainfo(loaded.bytes, this.#values)
    return this.#file
  }
}
