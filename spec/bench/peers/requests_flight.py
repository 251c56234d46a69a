# Python's requests: the memory of requests that were sent and not answered, each in a thread.
#
#     python3 requests_flight.py URL COUNT    ->  KiB of private memory they cost together
import gc
import os
import re
import sys
import threading
import time

import requests
from requests.adapters import HTTPAdapter

url, count = sys.argv[1], int(sys.argv[2])
session = requests.Session()
session.mount("http://", HTTPAdapter(pool_connections=1, pool_maxsize=count + 1))
session.headers.update({"Authorization": "Bearer tm_live_0", "Accept": "application/json"})
session.trust_env = False


def private_kib():
    gc.collect()
    with open("/proc/self/status") as status:
        return int(re.search(r"^RssAnon:\s+(\d+)", status.read(), re.MULTILINE).group(1))


def begin():
    threading.Thread(target=session.get, args=[url], daemon=True).start()


begin()  # what is made once is not counted
time.sleep(0.5)
before = private_kib()
for _ in range(count):
    begin()
time.sleep(1.5)
print(private_kib() - before, flush=True)
os._exit(0)  # the answers never come
