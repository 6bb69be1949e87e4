from __future__ import annotations

import re

from benchmarks.page_addresses import ADDRESSES, unknown_pages


def test_the_bench_of_pages_knows_every_page_of_the_dashboard() -> None:
    assert unknown_pages() == set()


def test_each_address_is_one_of_its_own_route() -> None:
    for pattern, addresses in ADDRESSES.items():
        route = re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(pattern)))
        for address in addresses:
            assert route.fullmatch(address.split("?")[0]), (pattern, address)
