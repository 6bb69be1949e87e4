"""Without JavaScript everything but the live tail works: every form, button and link by itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from yarl import URL

from tests.support.admin import Client
from tests.support.admin_pages import PAGES, add_everything

#: The live tail's own, which its script shows.
LIVE = {"live-pause"}
#: What cannot be sent without a script where it is the only control of a form.
_SENT = {"submit", "image"}
#: Elements whose content nobody sees until a script takes it.
_INERT = {"template", "dialog"}


@dataclass
class Form:
    """A form as a browser without scripts has it."""

    action: str
    method: str
    submits: int = 0
    fields: set[str] = field(default_factory=set)


class Read(HTMLParser):
    """The forms, links and controls of a page, and what could not work."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.by_id: dict[str, Form] = {}
        self.links: set[str] = set()
        self.ids: set[str] = set()
        self.faults: list[str] = []
        self._open: Form | None = None
        self._inert = 0
        self._late: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._inert += tag in _INERT
        if "id" in given:
            self.ids.add(given["id"])
        self.faults += [f"<{tag} {name}>" for name in given if name.startswith("on")]
        if self._inert:
            return
        if tag == "form":
            self._open = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._open)
            if "id" in given:
                self.by_id[given["id"]] = self._open
        elif tag == "a" and "href" in given:
            self.links.add(given["href"])
        elif tag in {"button", "input", "select", "textarea"}:
            if "form" in given:
                self._late.append((tag, given))
            else:
                self._control(tag, given, self._open)

    def handle_endtag(self, tag: str) -> None:
        self._inert -= tag in _INERT
        if tag == "form":
            self._open = None

    def close(self) -> None:
        super().close()
        for tag, given in self._late:
            self._control(tag, given, self.by_id.get(given["form"]))

    def _control(self, tag: str, given: dict[str, str], form: Form | None) -> None:
        kind = given.get("type", "submit" if tag == "button" else "text")
        words = f"<{tag} id={given.get('id')} name={given.get('name')} type={kind}>"
        if tag == "button" and kind == "button":
            if given.get("id") not in LIVE or "hidden" not in given:
                self.faults.append(f"{words} does nothing without a script")
        elif form is None:
            self.faults.append(f"{words} belongs to no form")
        elif kind in _SENT:
            form.submits += 1
            if "formaction" in given:
                self.forms.append(
                    Form(given["formaction"], given.get("formmethod", form.method), 1)
                )
        elif "name" not in given:
            self.faults.append(f"{words} is sent by no form")
        else:
            form.fields.add(given["name"])


def read(html: str) -> Read:
    """The page, read to its end."""
    page = Read()
    page.feed(html)
    page.close()
    return page


@pytest.fixture
async def pages(operator: Client, database: AsyncEngine) -> dict[str, Read]:
    """Every page with something on it, by its address."""
    ids = await add_everything(database)
    found = {}
    for shown in PAGES.values():
        address = f"/admin{shown.address.format_map(ids)}"
        response = await operator.get(address)
        found[address] = read(await response.text())
    return found


async def test_every_form_button_and_link_works_without_a_script(
    operator: Client, pages: dict[str, Read]
) -> None:
    faults = [f"{address}: {one}" for address, page in pages.items() for one in page.faults]
    for address, page in pages.items():
        for form in page.forms:
            if not form.submits and form.fields:
                faults.append(f"{address}: nothing sends the form to {form.action!r}")
            if form.method == "post" and not form.action:
                faults.append(f"{address}: a form is sent nowhere")
        for link in page.links:
            target = urlsplit(link)
            if target.scheme not in {"", "https", "http"}:
                faults.append(f"{address}: a link to {link}")
            if not target.path and not target.query and target.fragment not in page.ids:
                faults.append(f"{address}: a link to {link!r} leads nowhere")
    assert sum(len(page.forms) for page in pages.values()) > 60
    assert not faults, "\n".join(faults)


async def test_every_form_is_sent_to_a_route_that_takes_it(
    operator: Client, pages: dict[str, Read]
) -> None:
    """A form whose address takes no such request would be one that only a script sends."""
    wanted = {
        (form.method.upper(), str(URL(form.action or address).path))
        for address, page in pages.items()
        for form in page.forms
    }
    faults = []
    for method, path in sorted(wanted):
        response = await operator.request("OPTIONS", path)
        allowed = response.headers.get("Allow", "")
        if response.status != 405 or method not in allowed.split(","):
            faults.append(f"{method} {path}: {response.status} {allowed}")
    assert len(wanted) > 30
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ('<form action="/a"><button type="button">x</button></form>', "does nothing"),
        ("<button>x</button>", "belongs to no form"),
        ('<button form="gone">x</button>', "belongs to no form"),
        ('<form><input type="text"></form>', "is sent by no form"),
        ('<p onclick="x()">x</p>', "onclick"),
    ],
)
def test_what_needs_a_script_is_found(html: str, fault: str) -> None:
    assert [one for one in read(html).faults if fault in one]


def test_a_button_outside_of_its_form_is_found_again() -> None:
    page = read('<button form="f">x</button><form id="f" method="post" action="/a"></form>')
    assert not page.faults
    assert page.forms[0].submits == 1
