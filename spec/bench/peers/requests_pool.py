# Python's requests: one session, whose connections as many threads share as requests are in flight.
#
#     python3 requests_pool.py URL KEY COUNT AT_ONCE
#
# says the seconds that COUNT requests took and, with one at a time, the microseconds of each. Every
# answer is decoded.
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import requests
from requests.adapters import HTTPAdapter

url, key, count, at_once = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
session = requests.Session()
session.mount("http://", HTTPAdapter(pool_connections=1, pool_maxsize=at_once))
session.headers.update({"Authorization": "Bearer " + key, "Accept": "application/json"})
session.trust_env = False


def get(item):
    began = time.perf_counter()
    answer = session.get(url, params={"item": item}, timeout=10)
    answer.raise_for_status()
    assert answer.json()
    return (time.perf_counter() - began) * 1e6


for item in range(500):  # as the peers do
    get(item)
began = time.perf_counter()
if at_once == 1:
    took = [get(item) for item in range(count)]
else:
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(get, range(count)))
    took = []
print("%.6f" % (time.perf_counter() - began))
print(" ".join("%.1f" % microseconds for microseconds in took))
