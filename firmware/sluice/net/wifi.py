# SPDX-License-Identifier: MIT
"""The board's Wi-Fi, kept connected without waiting for it."""

import time

import network  # type: ignore  # not of every board
from micropython import const

from sluice.net.backoff import Backoff

_JOIN_MS = const(20000)  # half of it is enough to join and be given an address


class Wifi:
    """Joins a network, and again whenever it is lost.

    ssid, password: of the network; password None: an open one.
    tell:  a function of (state, reason), called when it is up or down, and with each new reason why
           it cannot be joined.
    ticks: a clock in ms.

    It holds for each board that MicroPython's network.WLAN is there for.  Ownership: the main loop.
    """

    def __init__(self, ssid, password, tell, ticks=time.ticks_ms):
        self._ssid = ssid
        self._password = password
        self._tell = tell
        self._told = ""
        self._was_up = False
        self._retry = Backoff(ticks, _JOIN_MS)
        self._wlan = network.WLAN(network.STA_IF)

    def up(self) -> bool:
        """Whether it is connected; to be asked again and again, and then it joins by itself.

        An attempt to join is given 10 to 20 s, later ones up to a minute.
        """
        is_up = self._wlan.isconnected()
        if is_up != self._was_up:
            self._was_up = is_up
            self._told = ""
            self._tell("up" if is_up else "down", "")
        if is_up:
            self._retry.succeeded()
        elif self._retry.due():
            self._join()
            self._retry.failed()  # unless it is up before the wait is over
        return is_up

    def _join(self):
        try:
            self._wlan.active(True)
            self._leave()
            self._wlan.connect(self._ssid, self._password)
        except OSError as error:
            reason = str(error)
            if reason != self._told:
                self._told = reason
                self._tell("down", reason)

    def _leave(self):
        """End an attempt that is under way: it would make the next one fail."""
        try:
            self._wlan.disconnect()
        except OSError:  # there is none
            pass
