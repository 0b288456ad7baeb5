"""The path of a log file tells which container wrote it."""

from __future__ import annotations

import pytest

from collector.container_logs import NOWHERE, Place, place

ID = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/var/log/pods/shop_web-7d4_0b7c6de0-aa/app/0.log", Place("shop", "web-7d4", "app")),
        (
            "/var/log/pods/shop_web-7d4_0b7c6de0-aa/app/12.log.20261123-180501.gz",
            Place("shop", "web-7d4", "app"),
        ),
        ("copy/shop_web.x_0b7c6de0-aa/app/0.log", Place("shop", "web.x", "app")),
        (f"/var/log/containers/web-7d4_shop_app-{ID}.log", Place("shop", "web-7d4", "app", ID)),
        (f"/var/lib/docker/containers/{ID}/{ID}-json.log.1", Place(container_id=ID)),
        ("/var/log/app.log", NOWHERE),
        ("", NOWHERE),
    ],
)
def test_the_container_of_a_path(path: str, expected: Place) -> None:
    assert place(path) == expected
