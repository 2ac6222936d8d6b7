"""What libtorrent makes of trees, or loads.

`create` reads JSON {"trees": [{root, name, piece, single, v1: [[path, size]], v2: [[path, size]]}]} from the standard input
and prints for each tree the hashes of its info dictionaries: {"v1": …, "v2": …, "hybrid": [v1, v2]}.
`load` reads a list of .torrent files and prints for each [v1, v2, number of files without pads, bytes without pads].
"""
import hashlib
import json
import sys
import warnings

import libtorrent as lt

warnings.simplefilter("ignore")


def info_of(tree, files, flags):
    storage = lt.file_storage()
    for path, size in files:
        storage.add_file(tree["name"] + "/" + path if path else tree["name"], size)
    torrent = lt.create_torrent(storage, tree["piece"], flags)
    lt.set_piece_hashes(torrent, tree["root"])
    return lt.bencode(torrent.generate()[b"info"])


def create(order):
    out = []
    for tree in order["trees"]:
        sha1 = lambda info: hashlib.sha1(info).hexdigest()
        sha256 = lambda info: hashlib.sha256(info).hexdigest()
        hybrid = info_of(tree, tree["v2"], 0)
        out.append({
            "v1": sha1(info_of(tree, tree["v1"], lt.create_torrent.v1_only)),
            "v2": sha256(info_of(tree, tree["v2"], lt.create_torrent.v2_only)),
            "hybrid": [sha1(hybrid), sha256(hybrid)],
        })
    return out


def load(paths):
    out = []
    for path in paths:
        info = lt.torrent_info(path)
        hashes, files = info.info_hashes(), info.files()
        pad = lt.file_storage.flag_pad_file
        sizes = [files.file_size(at) for at in range(files.num_files()) if not files.file_flags(at) & pad]
        v1 = str(hashes.v1) if hashes.has_v1() else None
        v2 = str(hashes.v2) if hashes.has_v2() else None
        out.append([v1, v2, len(sizes), sum(sizes)])
    return out


work = {"create": create, "load": load}[sys.argv[1]]
json.dump(work(json.load(sys.stdin)), sys.stdout)
