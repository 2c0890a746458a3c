"""What a user may say about where etcd is."""

import pytest

from sluice_tools.errors import UserError
from sluice_tools.fleet.etcd import Etcd


@pytest.mark.parametrize("endpoint", ["", "host", "host:", ":2379", "http://h:1", "h:0", "h:65536"])
def test_what_is_no_endpoint_is_named(endpoint):
    with pytest.raises(UserError, match=f"^etcd endpoint '{endpoint}': expected host:port"):
        Etcd([endpoint])


def test_no_endpoint_at_all():
    with pytest.raises(UserError, match="at least one host:port"):
        Etcd([])


def test_a_timeout_is_more_than_0():
    with pytest.raises(UserError, match="etcd timeout 0 s: expected more than 0"):
        Etcd(["h:1"], timeout_s=0)
