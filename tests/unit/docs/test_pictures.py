"""The guide has a picture of every page of the dashboard, and of no other."""

from __future__ import annotations

from tests.support.admin_pages import PAGES
from tests.support.admin_pictures import IMAGES

#: A clone stays small, and a guide loads at once.
MAX_BYTES = 150_000


def test_every_page_has_a_picture_and_every_picture_a_page() -> None:
    """``python -m tests.support.admin_pictures`` makes them."""
    drawn = {path.stem for path in IMAGES.glob("*.png")}
    assert drawn == {shown.name for shown in PAGES.values()}


def test_pictures_are_small() -> None:
    large = [path.name for path in IMAGES.glob("*.png") if path.stat().st_size > MAX_BYTES]
    assert not large
