# SPDX-License-Identifier: MIT
"""An HTTP server on a board that limits each of its clients, by address.

On a board with Wi-Fi:

    mpremote mip install firmware/limit.json
    mpremote mip install github:miguelgrinberg/microdot/src/microdot/microdot.py
    mpremote cp firmware/examples/http_server.py :main.py

A client may ask 5 times at once and then 20 times a minute; what is more gets
status 429 and how many seconds to wait. 32 clients are told apart in 1 KB.
"""

import time

from microdot import Microdot

from sluice import KeyedBuckets

SSID, PASSWORD = "your network", "its password"
RATE, PER_MS, BURST, CLIENTS = 20, 60000, 5, 32

app = Microdot()
clients = KeyedBuckets(CLIENTS, RATE, BURST, PER_MS)


@app.before_request
async def limit(request):
    """Answers in place of the route when the client has used up its tokens."""
    address = request.client_addr[0]
    if not clients.try_acquire(address):
        seconds = -(-clients.wait_ticks(address) // 1000)  # rounded up
        return "too many requests\n", 429, {"Retry-After": str(seconds)}
    return None


@app.get("/")
async def index(request):
    return {"up_ms": time.ticks_ms(), "evicted": clients.evicted}


def connect():
    """Join the network; returns the board's own address."""
    import network  # type: ignore  # not every board has one

    wlan = network.WLAN(network.STA_IF)
    wlan.active(True)
    wlan.connect(SSID, PASSWORD)
    while not wlan.isconnected():
        time.sleep_ms(100)
    return wlan.ifconfig()[0]


if __name__ in ("__main__", "main"):
    print("http://%s/" % connect())
    app.run(port=80)
