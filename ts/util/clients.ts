/** How the characters behind a client's code say its version. */
export type VersionForm =
  /** `1234`: 1.2.3.4; letters go on after 9 (`A` is 10). Zeros at the end are left out down to two numbers. */
  | 'four'
  /** `123x`: 1.2.3. */
  | 'three'
  /** `12xx`: 1.2. */
  | 'two'
  /** `1234`: 12.34. */
  | 'pairs'
  /** `x123`: 1.23. */
  | 'skip'
  /** `123B`: 1.2.3 and a letter for beta, alpha and the like. */
  | 'mnemonic'
  /** `0072`: 0.72; `2940`: 2.94; from 4 on `4050`: 4.0.5. */
  | 'transmission'
  /** `0123`: 1.23; `0098`: 0.98. */
  | 'webtorrent'
  /** `21D3`: 2.1 and a development or candidate number. */
  | 'ktorrent'
  /** `1234`: 1.2.34. */
  | 'ctorrent'
  /** `1234`: 1.234. */
  | 'decimal'
  /** `123S`: 1.23 (stable) or 1.23 unstable: Net::BitTorrent from 2.0 on. */
  | 'netbt'
  /** Nothing. */
  | 'none'

/** One client: the code in its peer id, its name, how it writes its version. */
export type ClientRow = readonly [code: string, name: string, form: VersionForm]

/**
 * Clients whose peer ids are `-XX1234-` and twelve characters of their own choice (BEP 20). Two letters are a name that nobody
 * registers: where two programs took the same, the one that is met more often stands here.
 */
export const AZUREUS: readonly ClientRow[] = [
  ['7T', 'aTorrent', 'four'],
  ['AB', 'AnyEvent::BitTorrent', 'four'],
  ['AG', 'Ares', 'four'],
  ['AN', 'Ares', 'four'],
  ['AR', 'Arctic', 'four'],
  ['AT', 'Artemis', 'four'],
  ['AV', 'Avicora', 'four'],
  ['AX', 'BitPump', 'pairs'],
  ['AZ', 'Vuze', 'four'],
  ['A~', 'Ares', 'three'],
  ['BB', 'BitBuddy', 'decimal'],
  ['BC', 'BitComet', 'skip'],
  ['BE', 'BitTorrent SDK', 'four'],
  ['BF', 'Bitflu', 'none'],
  ['BG', 'BTG', 'four'],
  ['BH', 'BitZilla', 'four'],
  ['BI', 'BiglyBT', 'four'],
  ['BL', 'BitLord', 'three'],
  ['BM', 'BitMagnet', 'four'],
  ['BN', 'Baidu Netdisk', 'none'],
  ['BP', 'BitTorrent Pro', 'four'],
  ['BR', 'BitRocket', 'two'],
  ['BS', 'BTSlave', 'four'],
  ['BT', 'BitTorrent', 'mnemonic'],
  ['BU', 'BigUp', 'four'],
  ['BW', 'BitWombat', 'four'],
  ['BX', 'BittorrentX', 'four'],
  ['CB', 'Shareaza Plus', 'four'],
  ['CD', 'Enhanced CTorrent', 'pairs'],
  ['CT', 'CTorrent', 'ctorrent'],
  ['DE', 'Deluge', 'four'],
  ['DP', 'Propagate Data Client', 'four'],
  ['EB', 'EBit', 'four'],
  ['ES', 'electric sheep', 'three'],
  ['FC', 'FileCroc', 'four'],
  ['FD', 'Free Download Manager', 'three'],
  ['FG', 'FlashGet', 'skip'],
  ['FL', 'Folx', 'two'],
  ['FT', 'FoxTorrent', 'four'],
  ['FW', 'FrostWire', 'three'],
  ['FX', 'Freebox BitTorrent', 'four'],
  ['G3', 'G3 Torrent', 'none'],
  ['GR', 'GetRight', 'four'],
  ['GS', 'GSTorrent', 'four'],
  ['GT', 'anacrolix/torrent', 'four'],
  ['HK', 'Hekate', 'four'],
  ['HL', 'Halite', 'three'],
  ['HN', 'Hydranode', 'four'],
  ['IL', 'iLivid', 'four'],
  ['KC', 'Koinonein', 'four'],
  ['KG', 'KGet', 'four'],
  ['KT', 'KTorrent', 'ktorrent'],
  ['LC', 'LeechCraft', 'four'],
  ['LD', 'Bitlode', 'four'],
  ['LH', 'LH-ABC', 'four'],
  ['LK', 'linkage', 'three'],
  ['LP', 'Lphant', 'pairs'],
  ['LT', 'libtorrent (Rasterbar)', 'three'],
  ['LW', 'LimeWire', 'none'],
  ['MG', 'MediaGet', 'two'],
  ['MK', 'Meerkat', 'four'],
  ['MO', 'MonoTorrent', 'four'],
  ['MP', 'MooPolice', 'three'],
  ['MR', 'Miro', 'four'],
  ['MT', 'Moonlight', 'four'],
  ['NB', 'Net::BitTorrent', 'netbt'],
  ['NE', 'BT Next Evolution', 'three'],
  ['NX', 'Net Transport', 'four'],
  ['OS', 'OneSwarm', 'four'],
  ['OT', 'OmegaTorrent', 'four'],
  ['PB', 'Protocol::BitTorrent', 'four'],
  ['PC', 'CacheLogic', 'four'],
  ['PD', 'Pando', 'four'],
  ['PE', 'PeerProject', 'four'],
  ['PI', 'PicoTorrent', 'ctorrent'],
  ['PT', 'Popcorn Time', 'four'],
  ['QD', 'QQDownload', 'four'],
  ['QT', 'Qt 4 Torrent example', 'four'],
  ['RS', 'Rufus', 'four'],
  ['RT', 'Retriever', 'four'],
  ['RZ', 'RezTorrent', 'four'],
  ['SB', 'Swiftbit', 'four'],
  ['SD', 'Thunder', 'four'],
  ['SG', 'GS Torrent', 'four'],
  ['SK', 'spark', 'four'],
  ['SM', 'SoMud', 'four'],
  ['SN', 'ShareNET', 'four'],
  ['SP', 'BitSpirit', 'three'],
  ['SS', 'SwarmScope', 'four'],
  ['ST', 'SymTorrent', 'four'],
  ['SZ', 'Shareaza', 'four'],
  ['S~', 'Shareaza beta', 'four'],
  ['TB', 'Torch', 'four'],
  ['TL', 'Tribler', 'four'],
  ['TN', 'Torrent.NET', 'four'],
  ['TR', 'Transmission', 'transmission'],
  ['TS', 'TorrentStorm', 'four'],
  ['TT', 'TuoTu', 'three'],
  ['UE', 'µTorrent Embedded', 'mnemonic'],
  ['UL', 'uLeecher!', 'four'],
  ['UM', 'µTorrent for Mac', 'mnemonic'],
  ['UT', 'µTorrent', 'mnemonic'],
  ['UW', 'µTorrent Web', 'mnemonic'],
  ['VG', 'Vagaa', 'four'],
  ['WD', 'WebTorrent Desktop', 'webtorrent'],
  ['WS', 'HTTP Seed', 'none'],
  ['WT', 'BitLet', 'four'],
  ['WW', 'WebTorrent', 'webtorrent'],
  ['WY', 'FireTorrent', 'four'],
  ['XC', 'Xtorrent', 'ctorrent'],
  ['XF', 'Xfplay', 'three'],
  ['XL', 'Xunlei', 'four'],
  ['XS', 'XSwifter', 'four'],
  ['XT', 'XanTorrent', 'four'],
  ['XX', 'Xtorrent', 'ctorrent'],
  ['ZO', 'Zona', 'four'],
  ['ZT', 'ZipTorrent', 'four'],
  ['bk', 'BitKitten', 'four'],
  ['lt', 'rTorrent (libTorrent)', 'three'],
  ['pX', 'pHoeniX', 'four'],
  ['pb', 'pbTorrent', 'three'],
  ['qB', 'qBittorrent', 'four'],
  ['rQ', 'rqbit', 'four'],
  ['st', 'SharkTorrent', 'four'],
]

/** Clients whose peer ids are a letter, up to five characters for the version, and dashes: `S58B-----`. */
export const SHADOW: readonly (readonly [code: string, name: string])[] = [
  ['A', 'ABC'],
  ['O', 'Osprey Permaseed'],
  ['Q', 'BTQueue'],
  ['R', 'Tribler'],
  ['S', "Shadow's client"],
  ['T', 'BitTornado'],
  ['U', 'UPnP NAT Bit Torrent'],
]

/** Clients whose peer ids are a letter and numbers between dashes: `M4-3-6--`. */
export const MAINLINE: readonly (readonly [code: string, name: string])[] = [
  ['M', 'Mainline'],
  ['Q', 'Queen Bee'],
  ['S3-', 'Amazon S3'],
]

/**
 * Clients that are known by some characters at a place of their own. `version` says where the version stands as it is; more
 * special forms are read by code.
 */
export interface NamedClient {
  readonly at: number
  readonly text: string
  readonly name: string
  /** First character and number of characters. */
  readonly version?: readonly [number, number]
}

const named = (text: string, name: string, at = 0, version?: readonly [number, number]): NamedClient =>
  version === undefined ? { at, text, name } : { at, text, name, version }

/** In the order in which they are tried: longer marks first. */
export const NAMED: readonly NamedClient[] = [
  named('Deadman Walking-', 'Deadman Walking'),
  named('DansClient', 'XanTorrent'),
  named('10-------', 'JVtorrent'),
  named('AZ2500BT', 'BitTyrant'),
  named('PRC.P---', 'BitTorrent Plus! II'),
  named('P87.P---', 'BitTorrent Plus!'),
  named('S587Plus', 'BitTorrent Plus!'),
  named('arclight', 'Hurricane Electric'),
  named('346------', 'TorrenTopia'),
  named('Azureus', 'Azureus', 5),
  named('Azureus', 'Azureus'),
  named('-aria2-', 'aria2'),
  named('a00---0', 'Swarmy'),
  named('a02---0', 'Swarmy'),
  named('T00---0', 'Teeweety'),
  named('martini', 'Martini Man'),
  named('turbobt', 'TurboBT', 0, [7, 5]),
  named('PEERAPP', 'PeerApp'),
  named('Plus---', 'Plus!'),
  named('BTDWV-', 'Deadman Walking'),
  named('btfans', 'SimpleBT', 4),
  named('Pando-', 'Pando'),
  named('BitLet', 'BitLet'),
  named('aria2-', 'aria2'),
  named('btuga', 'BTugaXP'),
  named('BTuga', 'BTugaXP', 5),
  named('oernu', 'BTugaXP'),
  named('btpd/', 'BitTorrent Protocol Daemon', 0, [5, 3]),
  named('LIME', 'LimeWire'),
  named('QVOD', 'QVOD'),
  named('271-', 'GreedBT'),
  named('-Qt-', 'Qt'),
  named('-ML', 'MLDonkey', 0, [3, 5]),
  named('-G3', 'G3 Torrent'),
  named('-FG', 'FlashGet'),
  named('-FL', 'Folx'),
  named('-MG', 'MediaGet'),
  named('-UM', 'µTorrent for Mac'),
  named('-UT', 'µTorrent'),
  named('BLZ', 'Blizzard Downloader'),
  named('BTM', 'BTuga Revolution'),
  named('Ext', 'External web seed'),
  named('Plus', 'Plus!'),
  named('eX', 'eXeem'),
  named('BG', 'BTGetit', 10),
  named('BM', 'BitMagnet', 2),
  named('RS', 'Rufus', 2),
]
