// What `--help` prints.

const common = `  --json             one JSON object a line, each with "event"
  --log LEVEL        error, warn, info, debug or trace, on stderr (also BITLODE_LOG)
  --help             this text`

export const overview = `bitlode: download, seed, create and check BitTorrent content

  bitlode download <.torrent | magnet | URL> [options]
  bitlode seed     <.torrent> <folder that holds the content> [options]
  bitlode create   <file or folder> [options]
  bitlode edit     <.torrent> [options]
  bitlode info     <.torrent | magnet> [options]
  bitlode verify   <.torrent> <folder that holds the content> [options]

  bitlode <command> --help says more; bitlode --version prints the version.
  BITLODE_ISA=portable, sha-ni, avx2 or avx512 in the environment: the best of the processor that hashing may use.
  Exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
`

const network = `  --peer IP:PORT     a peer to connect to; may be given several times
  --tracker URL      one more tracker to ask, wherever it is; may be given several times
  --listen IP:PORT   address to listen on; may be given several times
                     (default: both families, first free port from 6881)
  --no-ssrf-mitigation
                     also ask trackers in private networks that a .torrent file names`

export const help: Readonly<Record<string, string>> = {
  download: `bitlode download <.torrent file | magnet link | http(s) URL of a .torrent> [options]

Fetches the content. Run again, it checks what is there and fetches only what is missing.

  --path DIR         the folder that will hold the content (default: the current one)
${network}
  --seed             keep seeding when done, until interrupted
  --overwrite        write into files of the same names that are not this torrent's
${common}
`,
  seed: `bitlode seed <.torrent file> <folder that holds the content> [options]

Checks the content and serves it until interrupted. Nothing is ever written.

${network}
${common}
`,
  create: `bitlode create <file or folder> [options]

Makes a .torrent file.

  -o, --output FILE  where to write it (default: NAME.torrent in the current folder)
  --v1               SHA-1 over pieces (BEP 3; the default)
  --v2               hash trees over files (BEP 52)
  --hybrid           both
  --tracker URL      announce URL; may be given several times, each its own tier
  --web-seed URL     where the content is on the web (BEP 19); may be given several times
  --node HOST:PORT   a DHT node to start from (BEP 5); may be given several times
  --name NAME        the torrent's name (default: that of the file or folder)
  --comment TEXT     free text
  --source TEXT      what some trackers want in a torrent to make its info-hash their own
  --padding          let every file of a v1 torrent begin a piece (BEP 47)
  --piece-length N   bytes, a power of two from 16384 (default: chosen by size)
  --private          only the trackers may be asked for peers (BEP 27)
${common}
`,
  edit: `bitlode edit <.torrent file> [options]

Changes trackers, web seeds, nodes or comment. The info-hash, and all else, stays as it is.

  -o, --output FILE  where to write it (default: in place)
  --tracker URL      the trackers from now on; may be given several times, each its own tier
  --web-seed URL     the web seeds from now on; may be given several times
  --node HOST:PORT   the DHT nodes from now on; may be given several times
  --comment TEXT     the comment from now on
  --remove WHAT      trackers, web-seeds, nodes or comment; may be given several times
${common}
`,
  info: `bitlode info <.torrent file | magnet link> [options]

Prints what a torrent says of itself. Opens no connection.

${common}
`,
  verify: `bitlode verify <.torrent file> <folder that holds the content> [options]

Checks the content against the torrent. Exit code 0 only if everything is there.

${common}
`,
}
