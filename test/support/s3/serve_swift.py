"""OpenStack Swift with its S3 API, in one process on one device: `serve_swift.py FOLDER` prints its port and serves until its input ends.

Needs Debian's python3-swift, swift-proxy, swift-account, swift-container and swift-object, and extended attributes in FOLDER's
file system. Account `cairn`, access key `cairn:tester`, secret `testing`. With `SWIFT_QUOTA` a container takes no more bytes than
its metadata allows.
"""

import array
import os
import sys
import time

import eventlet

eventlet.patcher.monkey_patch()

from swift.common import utils  # noqa: E402

FOLDER = os.path.abspath(sys.argv[1])
utils.SWIFT_CONF_FILE = os.path.join(FOLDER, "swift.conf")
with open(utils.SWIFT_CONF_FILE, "w") as conf:
    conf.write("[swift-hash]\nswift_hash_path_suffix = cairn\n[storage-policy:0]\nname = one\ndefault = yes\n")
utils.validate_hash_conf()

from eventlet import listen, wsgi  # noqa: E402
from swift.account.server import AccountController  # noqa: E402
from swift.common.ring import RingData  # noqa: E402
from swift.common.wsgi import SwiftHttpProtocol, loadapp  # noqa: E402
from swift.container.server import ContainerController  # noqa: E402
from swift.obj.server import ObjectController  # noqa: E402

PROXY = """[DEFAULT]
swift_dir = {folder}
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck s3api tempauth copy container-quotas slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
s3_acl = false
auth_pipeline_check = false
[filter:tempauth]
use = egg:swift#tempauth
user_cairn_tester = testing .admin
[filter:copy]
use = egg:swift#copy
[filter:container-quotas]
use = egg:swift#container_quotas
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
"""


class Cache:
    """What Swift asks of memcached, in this process."""

    def __init__(self):
        self.items = {}

    def get(self, key, *_args, **_more):
        value, end = self.items.get(key, (None, None))
        return value if end is None or end > time.time() else None

    def set(self, key, value, *_args, time=0, **_more):
        self.items[key] = (value, _now() + time if time else None)

    def incr(self, key, delta=1, time=0, **_more):
        value = int(self.get(key) or 0) + int(delta)
        self.set(key, value, time=time)
        return value

    def decr(self, key, delta=1, time=0, **_more):
        return self.incr(key, -int(delta), time=time)

    def delete(self, key, *_args, **_more):
        self.items.pop(key, None)


def _now():
    return time.time()


def serve(app, socket):
    log = open(os.devnull, "w")
    eventlet.spawn(wsgi.server, socket, app, log=log, protocol=SwiftHttpProtocol, keepalive=True)


def main():
    device = os.path.join(FOLDER, "devices", "d")
    os.makedirs(device)
    conf = {
        "devices": os.path.dirname(device),
        "swift_dir": FOLDER,
        "mount_check": "false",
        "fallocate_reserve": "0",
        "auto_create_account_prefix": ".",
    }
    for kind, controller in (
        ("account", AccountController),
        ("container", ContainerController),
        ("object", ObjectController),
    ):
        socket = listen(("127.0.0.1", 0))
        port = socket.getsockname()[1]
        place = {"id": 0, "region": 1, "zone": 1, "weight": 1.0, "ip": "127.0.0.1", "port": port, "device": "d"}
        place.update({"replication_ip": "127.0.0.1", "replication_port": port})
        # One replica, two partitions, both on the one device.
        RingData([array.array("H", [0, 0])], [place], 31).save(os.path.join(FOLDER, f"{kind}.ring.gz"))
        serve(controller(conf), socket)
    path = os.path.join(FOLDER, "proxy.conf")
    with open(path, "w") as file:
        file.write(PROXY.format(folder=FOLDER))
    proxy, cache = loadapp(path), Cache()

    def app(env, start_response):
        env["swift.cache"] = cache
        return proxy(env, start_response)

    socket = listen(("127.0.0.1", 0))
    serve(app, socket)
    print(socket.getsockname()[1], flush=True)
    # Ends with the process that started this one.
    eventlet.tpool.execute(sys.stdin.read)


main()
