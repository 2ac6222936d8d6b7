"""A libtorrent peer for interop tests and benchmarks.

usage: libtorrent_peer.py '{"mode": "seed"|"leech", "torrent": FILE or null, "magnet": URI or null, "path": DIR,
                            "listen": "IP:PORT", "peers": ["IP:PORT"], "tuned": bool}'
Prints one JSON object a line: {"event": "ready", "version": …}, {"event": "done", "downloaded": …, "uploaded": …}.
Ends on SIGTERM.
"""

import json
import signal
import sys
import time

import libtorrent as lt

want = json.loads(sys.argv[1])


def say(**words):
    print(json.dumps(words), flush=True)


settings = {
    "listen_interfaces": want["listen"],
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "allow_multiple_connections_per_ip": True,
    "enable_outgoing_utp": False,
    "enable_incoming_utp": False,
    "out_enc_policy": 2,
    "in_enc_policy": 2,
    "alert_mask": 0,
}
if want.get("tuned"):
    # The best found: of ten sets (one to four threads for hashes and disk, buffers of sockets and peers from the default
    # to 8 MiB, queues from the default to 2,000 requests, the system's cache on and off) none used less CPU by more than the noise.
    settings.update(
        hashing_threads=2,
        aio_threads=4,
        send_buffer_watermark=4 << 20,
        send_buffer_low_watermark=1 << 20,
        send_buffer_watermark_factor=200,
        max_out_request_queue=2000,
        max_allowed_in_request_queue=4000,
        max_queued_disk_bytes=64 << 20,
        recv_socket_buffer_size=2 << 20,
        send_socket_buffer_size=2 << 20,
    )
session = lt.session(settings)
if want.get("magnet"):
    params = lt.parse_magnet_uri(want["magnet"])
else:
    params = lt.add_torrent_params()
    params.ti = lt.torrent_info(want["torrent"])
params.save_path = want["path"]
if want["mode"] == "seed":
    params.flags |= lt.torrent_flags.seed_mode
params.flags &= ~lt.torrent_flags.auto_managed
params.flags &= ~lt.torrent_flags.paused
handle = session.add_torrent(params)
for peer in want.get("peers", []):
    host, port = peer.rsplit(":", 1)
    handle.connect_peer((host, int(port)))

going = True


def stop(*_):
    global going
    going = False


signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, stop)
say(event="ready", version=lt.version, port=session.listen_port())
done = False
while going:
    status = handle.status()
    if status.error if isinstance(status.error, str) else False:
        say(event="error", message=status.error)
        break
    if status.is_seeding and not done and want["mode"] == "leech":
        done = True
        say(event="done", downloaded=status.total_payload_download, uploaded=status.total_payload_upload)
    time.sleep(0.02)
status = handle.status()
say(event="closed", downloaded=status.total_payload_download, uploaded=status.total_payload_upload)
