import re

import pytest

from api.session import PAGE
from tests.api.world import World

SCRIPTS = sorted(PAGE.glob("*.js"))
HTML = (PAGE / "index.html").read_text()


def test_the_page_is_served_to_anyone_and_holds_nothing(same: World) -> None:
    client = same.stranger()
    answer = client.get("/")
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html")
    assert "secret" not in answer.text
    for path in PAGE.iterdir():
        answer = client.get(f"/page/{path.name}")
        assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-cache"
        if path.suffix == ".js":
            assert "javascript" in answer.headers["Content-Type"]
    for wrong in ("/page/../app.py", "/page/%2e%2e/app.py", "/page/", "/docs", "/redoc"):
        assert client.get(wrong).status_code == 404


def test_the_page_has_no_script_or_style_inside() -> None:
    assert re.findall(r"<script[^>]*>(.*?)</script>", HTML, re.DOTALL) == [""]
    assert "<style" not in HTML and " style=" not in HTML and not re.search(r"\son\w+=", HTML)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_text_never_becomes_markup(script: object) -> None:
    text = PAGE.joinpath(str(script)).read_text()
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function|window\.prompt", text
    )
    assert len(text.splitlines()) < 300


def test_every_element_that_a_script_asks_for_is_there() -> None:
    there = set(re.findall(r'\bid="([\w-]+)"', HTML))
    asked = {name for script in SCRIPTS for name in re.findall(r'\$\("([\w-]+)"\)', script.read_text())}
    assert asked and asked <= there


def test_what_one_script_takes_from_another_is_given_by_it() -> None:
    for script in SCRIPTS:
        for names, module in re.findall(r'import \{([^}]*)\} from "\./([\w.]+)"', script.read_text()):
            given = set(
                re.findall(r"export (?:async )?(?:function|const|let) ([$\w]+)", (PAGE / module).read_text())
            )
            assert {name.strip() for name in names.split(",")} <= given, f"{script.name} from {module}"


def test_everything_one_can_use_has_a_name() -> None:
    for control in re.findall(r"<(?:input|select|textarea)[^>]*>", HTML):
        before = HTML[: HTML.index(control)]
        assert before.count("<label") > before.count("</label"), control
    for button in re.findall(r"<button([^>]*)>([^<]*)</button>", HTML):
        assert "aria-label" in button[0] or button[1].strip() or "hidden" in button[0], button


def test_the_reasons_offered_are_those_that_are_accepted(same: World) -> None:
    offered, scopes = (
        set(
            re.findall(
                r'<option value="(\w+)"', HTML.split(f'<select name="{name}">')[1].split("</select>")[0]
            )
        )
        for name in ("reason", "scope")
    )
    schema = same.stranger().get("/openapi.json").json()["components"]["schemas"]["Decision"]["properties"]
    accepted = set(schema["reason"]["anyOf"][0]["enum"])
    assert offered == accepted - {"automated_closure"}  # that one is for programs
    assert scopes == set(schema["scope"]["enum"])
