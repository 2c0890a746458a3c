"""An etcd server that the tests of a file share."""

import pytest
from etcd_servers import EtcdServers


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with EtcdServers(tmp_path_factory.mktemp("etcd"), 1) as servers:
        yield servers
