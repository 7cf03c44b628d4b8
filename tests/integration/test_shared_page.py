"""The page under a link: whatever stands in a title, a message, a file's name or a quote, it runs nothing and fetches nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from doors_fixtures import House, open_house
from fake_office import delegated, direct
from share_fixtures import Page, a_file, as_admin, hostile, opened, shared, talk

from api.safe_markdown import host_of, to_html
from core.missions import Source

ALLOWED = {
    "html", "head", "meta", "title", "link", "body", "header", "picture", "source", "img", "nav", "main", "h1", "h2", "h3", "p",
    "section", "div", "ul", "ol", "li", "a", "span", "bdi", "cite", "q", "details", "summary", "footer", "pre", "code", "em",
    "strong",
}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_house(tmp_path_factory.mktemp("house"), public_links=True) as opened_house:
        await as_admin(opened_house, "ada")  # members make no public links
        yield opened_house


@pytest.mark.asyncio(loop_scope="module")
async def test_forty_ways_out_lead_nowhere(house: House) -> None:
    forms = hostile()
    words = "\n\n".join(forms)
    made = await a_file(house, b"x", "".join(forms)[:3000])
    source = Source(file="".join(forms)[:3000], quote=words, origin_id="x")
    conversation = await talk(opened(house), delegated(words, artifact=made, sources=(source,)), words)
    async with house.visitor("ada") as ada, house.visitor("bob") as bob:
        for form in [" ".join(forms), *forms]:
            title = form[:200].replace("\x01", "")
            link = await shared(ada, conversation, title=title, include="steps", files=[made.id], secrets="publish")
            for answer in (await bob.get(link["path"]), await ada.get(f"/api/shares/{link['id']}/preview")):
                page = Page(answer.text)
                assert (set(page.tags) - ALLOWED, page.handlers, "canary" in str(page.fetched)) == (set(), [], False)
                assert [f for f in page.fetched if not f.startswith(("/public/", "/favicon"))] == []
                for given in page.links:
                    ours = given["href"].startswith(("/s/", "/login"))
                    assert ours or given["href"].startswith(("http://canary.example/", "mailto:"))
                    assert ours or given["rel"] == "noopener noreferrer nofollow"
            assert (await ada.delete(f"/api/shares/{link['id']}")).status_code == 204
    assert "(canary.example)" in page.text
    assert "<script>alert(6)</script>" in page.text  # to be read, not run


@pytest.mark.asyncio(loop_scope="module")
async def test_the_headers_forbid_what_the_page_does_not_need(house: House) -> None:
    conversation = await talk(house, direct("Hello."))
    async with house.visitor("ada") as ada, house.visitor() as nobody:
        link = await shared(ada, conversation, audience="public")
        with_password = await shared(ada, conversation, audience="public", password="open sesame")
        headers = (await nobody.get(link["path"], headers={"accept": "text/html"})).headers
        assert headers["content-security-policy"] == (
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        for path in (link["path"], "/s/unknown", f"{link['path']}/copy", with_password["path"]):
            seen = (await nobody.get(path, headers={"accept": "text/html"})).headers
            assert seen["x-robots-tag"] == "noindex, nofollow, noarchive"
            assert (seen["cache-control"], seen["x-content-type-options"], seen["x-frame-options"]) == (
                "no-store", "nosniff", "DENY",
            )  # fmt: skip
            assert "script-src 'unsafe" not in seen["content-security-policy"]
            assert seen["referrer-policy"] == ("same-origin" if path == with_password["path"] else "no-referrer")
            assert "set-cookie" not in seen  # where somebody wants to go stands in the address of the login
        asked = (await nobody.get(f"{link['path']}/copy", headers={"accept": "text/html"})).text
        assert f"/login?{urlencode({'to': link['path']})}&amp;until=" in asked


@pytest.mark.asyncio(loop_scope="module")
async def test_the_owners_pages_show_hostile_names_as_words(house: House) -> None:
    names = "".join(hostile()).replace("\x01", "")
    made = await a_file(house, b"x", names)
    conversation = await talk(opened(house), delegated("Done.", artifact=made))
    async with house.visitor("ada") as ada:
        await shared(ada, conversation, title=names[:200], secrets="publish")
        await ada.patch(f"/api/conversations/{conversation}", json={"title": names[:200], "version": 1})
        for path in ("/shares", f"/shares/new?conversation={conversation}"):
            answer = await ada.get(path)
            page = Page(answer.text)
            dialogs = {
                "script",
                "form",
                "input",
                "label",
                "select",
                "option",
                "button",
                "fieldset",
                "legend",
                "dialog",
                "time",
                "noscript",
            }
            assert set(page.tags) - ALLOWED - dialogs == set()
            assert (page.tags.count("script"), page.handlers) == (3, [])  # its own, and those of every page
            assert [f for f in page.fetched if not f.startswith(("/public/", "/favicon"))] == []
            assert "alert(6)" in page.text + answer.text
            assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert (await ada.get("/shares/new?conversation=nothing")).status_code == 404
    async with house.visitor("bob") as bob:
        assert (await bob.get(f"/shares/new?conversation={conversation}")).status_code == 404
        assert conversation not in (await bob.get("/shares")).text


@pytest.mark.asyncio(loop_scope="module")
async def test_a_program_that_only_asks_for_the_head_is_no_visitor(house: House) -> None:
    conversation = await talk(house, direct("Hello."))
    async with house.visitor("ada") as ada, house.visitor("bob") as bob:
        link = await shared(ada, conversation)
        answer = await bob.head(link["path"])
        assert (answer.status_code, answer.content) == (200, b"")
        assert (await ada.get(f"/api/shares/{link['id']}")).json()["views"] == 0


@pytest.mark.parametrize("form", hostile())
def test_markdown_holds_nothing_but_known_elements(form: str) -> None:
    page = Page(to_html(form))
    known = ALLOWED | {"table", "thead", "tbody", "tr", "th", "td", "blockquote", "hr", "br", "s", "h4", "h5", "h6"}
    assert (set(page.tags) - known, page.handlers, page.fetched) == (set(), [], [])
    assert all(link["href"].startswith(("http://canary.example/", "mailto:")) for link in page.links)


def test_markdown_is_still_markdown() -> None:
    html = to_html(
        "# A\n\n| a | b |\n|:-|-:|\n| 1 | **2** |\n\n3. x\n4. y\n\n~~no~~ `code` [Docs](https://example.org/a?b=1&c=2)"
    )
    assert "<h1>A</h1>" in html
    assert '<td class="right"><strong>2</strong></td>' in html
    assert '<ol start="3">' in html
    assert (
        '<a href="https://example.org/a?b=1&amp;c=2" rel="noopener noreferrer nofollow" target="_blank">Docs</a>'
        in html
    )
    assert '<span class="host">(example.org)</span>' in html
    assert "[Picture not shown: a cat, from example.org]" in to_html("![a cat](https://example.org/cat.png)")


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://example.org/a", "example.org"), ("http://EXAMPLE.org:8000", "example.org"), ("x", ""), ("", ""),
        ("mailto:a@b.example?subject=x", "a@b.example"), ("javascript:alert(1)", ""), ("//example.org", ""), ("/files/x", ""),
        ("data:text/html,x", ""), ("http://[::1", ""), ("file:///x", ""), ("https://good.example@evil.example/", ""),
    ],
)  # fmt: skip
def test_a_link_says_where_it_leads(address: str, host: str) -> None:
    assert host_of(address) == host


@pytest.mark.timeout(60)
@pytest.mark.parametrize("piece", ["[", "*", "![", "> ", "[a](", "<", "*a_ ", "`" * 3, "|a", "- ", "[a]: x\n", "&"])
def test_words_made_to_keep_the_server_busy_come_to_an_end(piece: str) -> None:
    assert Page(to_html(piece * 20_000)).handlers == []
