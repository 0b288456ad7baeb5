import json
from datetime import timedelta

import pytest

from api.attempts import Attempts
from api.auth import COOKIE
from api.guard import LONGEST_BODY
from tests.api.world import BASE, JSON, World

ASKED = "/api/v1/status"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_nobody_gets_anything_without_a_token(same: World) -> None:
    client = same.stranger()
    paths = client.get("/openapi.json").json()["paths"]
    asked = 0
    for path, methods in paths.items():
        for method in methods:
            if path in ("/healthz", "/readyz"):
                continue
            answer = client.request(
                method, path.replace("{id}", "a" * 40).replace("{rule_id}", "x"), headers=JSON
            )
            assert answer.status_code == 401, (method, path)
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert "tallyman token create" in answer.json()["detail"]
            asked += 1
    assert asked >= 12


def test_a_token_is_asked_for_in_words_that_never_repeat_it(fresh: World) -> None:
    wrong = "tm_" + "x" * 43
    answer = fresh.stranger().get(ASKED, headers=bearer(wrong))
    assert answer.status_code == 401 and answer.json()["detail"] == "this token is not valid (any more)"
    assert wrong not in json.dumps(fresh.database.audit.listed())
    [act] = fresh.acts("login refused")
    assert act["detail"] == {"from": "testclient", "with": "token"} and act["actor"] == ""


def test_a_token_works_until_it_expires_or_is_revoked(fresh: World) -> None:
    token = fresh.database.tokens.create("ci", "analyst", fresh.time + timedelta(hours=1), fresh.time)
    client = fresh.stranger()
    assert client.get(ASKED, headers=bearer(token)).status_code == 200
    fresh.time += timedelta(hours=1)
    assert client.get(ASKED, headers=bearer(token)).status_code == 401
    other = fresh.database.tokens.create("ci", "analyst", None, fresh.time)
    assert client.get(ASKED, headers=bearer(other)).status_code == 200
    fresh.database.tokens.revoke("ci")
    assert client.get(ASKED, headers=bearer(other)).status_code == 401


def test_an_auditor_reads_everything_and_decides_nothing(fresh: World) -> None:
    client = fresh.client("auditor")
    assert client.get("/api/v1/session").json() == {"name": "ana", "role": "auditor", "may_write": False}
    [first, *_] = client.get("/api/v1/alerts").json()["alerts"]
    answer = client.post("/api/v1/alerts/triage", json={"ids": [first["id"]], "action": "acknowledge"})
    assert answer.status_code == 403 and "may read" in answer.json()["detail"]
    assert client.get("/api/v1/alerts").json()["alerts"][0]["status"] == "open"


@pytest.mark.parametrize("role", ["", "admin", "Analyst", "auditor"])
def test_only_analysts_change_things(fresh: World, role: str) -> None:
    answer = fresh.client(role).post("/api/v1/alerts/triage", json={"ids": ["abcd"], "action": "reopen"})
    assert answer.status_code == 403


def test_a_one_time_link_begins_a_session_once(fresh: World) -> None:
    link = fresh.database.tokens.login("page", "analyst", 600, fresh.time)
    client, late = fresh.stranger(), fresh.stranger()
    answer = client.get(f"/?token={link}")
    assert answer.status_code == 303 and answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"]
    assert (
        "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/" in cookie and "Secure" not in cookie
    )
    assert client.get("/api/v1/session").json()["name"] == "page"
    answer = late.get(f"/?token={link}")
    assert (
        answer.status_code == 401 and "this link is not valid" in answer.text and "token login" in answer.text
    )
    assert client.get(f"/?token={link}").status_code == 303  # who is logged in by it may use it as a bookmark
    assert [act["actor"] for act in fresh.acts("login")] == ["page"]
    assert link not in json.dumps(fresh.database.audit.listed())


def test_a_link_is_no_token_and_ends_after_a_while(fresh: World) -> None:
    link = fresh.database.tokens.login("page", "analyst", 600, fresh.time)
    assert fresh.stranger().get(ASKED, headers=bearer(link)).status_code == 401
    fresh.time += timedelta(seconds=601)
    assert fresh.stranger().get(f"/?token={link}").status_code == 401


def test_behind_tls_the_cookie_is_for_tls_only(fresh: World) -> None:
    link = fresh.database.tokens.login("page", "analyst", 600, fresh.time)
    answer = fresh.stranger().get(f"/?token={link}", headers={"X-Forwarded-Proto": "https"})
    assert "Secure" in answer.headers["set-cookie"]


def test_a_session_ends_by_itself_and_its_cookie_is_taken_back(fresh: World) -> None:
    client = fresh.stranger()
    client.get(f"/?token={fresh.database.tokens.login('page', 'analyst', 600, fresh.time)}")
    fresh.time += timedelta(hours=12, seconds=1)
    answer = client.get(ASKED)
    assert answer.status_code == 401 and COOKIE not in client.cookies


def test_logging_out_ends_the_session_everywhere(fresh: World) -> None:
    client = fresh.stranger()
    client.get(f"/?token={fresh.database.tokens.login('page', 'analyst', 600, fresh.time)}")
    stolen = client.cookies[COOKIE]
    answer = client.post("/api/v1/logout", json={})
    assert answer.status_code == 204 and COOKIE not in client.cookies
    assert fresh.stranger().get(ASKED, headers={"Cookie": f"{COOKIE}={stolen}"}).status_code == 401
    assert [act["actor"] for act in fresh.acts("logout")] == ["page"]


def test_logging_out_leaves_an_api_token_alone(fresh: World) -> None:
    client = fresh.client()
    assert client.post("/api/v1/logout", json={}).status_code == 204
    assert client.get(ASKED).status_code == 200


def test_after_ten_wrong_tokens_in_a_minute_the_rest_is_not_even_written_down(fresh: World) -> None:
    client = fresh.stranger()
    codes = [client.get(ASKED, headers=bearer(f"tm_{number}")).status_code for number in range(15)]
    assert codes == [401] * 10 + [429] * 5
    answer = client.get("/?token=guess")
    assert answer.status_code == 429 and 0 < int(answer.headers["Retry-After"]) <= 60
    assert len(fresh.acts("login refused")) == 10
    assert fresh.client().get(ASKED).status_code == 200  # nobody can lock others out
    fresh.time += timedelta(seconds=60)
    assert client.get(ASKED, headers=bearer("tm_x")).status_code == 401


def test_attempts_forget_old_windows_and_hold_a_bounded_number_of_addresses() -> None:
    attempts = Attempts(most=2)
    assert [attempts.failed("a", 0), attempts.failed("a", 59), attempts.failed("a", 60)] == [1, 2, 1]
    assert attempts.wait("a", 60) == 0 and attempts.failed("a", 61) == 2 and attempts.wait("a", 61) == 59
    assert attempts.failed("a", 10) == 1  # the clock was set back
    for number in range(10_001):
        attempts.failed(str(number), 0)
    assert attempts.failed("a", 0) == 1


def test_a_browser_can_be_made_to_send_forms_but_they_are_refused(same: World) -> None:
    client = same.client()
    body = {"ids": "abcd", "action": "acknowledge"}
    assert client.post("/api/v1/alerts/triage", data=body).status_code == 415
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "multipart/form-data",
    ):
        text = json.dumps({"ids": ["abcd"], "action": "acknowledge"})
        answer = client.post("/api/v1/alerts/triage", content=text, headers={"Content-Type": kind})
        assert answer.status_code == 415 and answer.json() == {"detail": "send application/json"}
    assert client.post("/api/v1/logout").status_code == 415


def test_a_long_body_is_refused_before_anyone_reads_it(same: World) -> None:
    text = b'{"note": "' + b"x" * LONGEST_BODY + b'"}'
    answer = same.stranger().post("/api/v1/alerts/triage", content=text, headers=JSON)
    assert answer.status_code == 413 and "detail" in answer.json()
    parts = iter([b'{"note": "', *[b"x" * 65_536] * 8, b'"}'])
    assert same.stranger().post("/api/v1/alerts/triage", content=parts, headers=JSON).status_code == 413


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.", "[::2]", "127.0.0.2"]
)
def test_a_name_that_was_rebound_to_loopback_is_refused(same: World, host: str) -> None:
    assert same.client().get(ASKED, headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8080", "localhost:8080", "[::1]:8080", "LOCALHOST"])
def test_loopback_may_be_called_by_each_of_its_names(same: World, host: str) -> None:
    assert same.client().get(ASKED, headers={"Host": host}).status_code == 200


def test_every_answer_has_the_headers_that_keep_a_browser_safe(same: World) -> None:
    client = same.client()
    answers = [
        client.get("/"),
        client.get("/page/page.js"),
        client.get(ASKED),
        client.get("/nowhere"),
        client.get("/", headers={"Host": "evil.example"}),
        client.post("/api/v1/logout", data={}),
        same.stranger().get(ASKED),
        same.stranger().get("/?token=x"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 404, 400, 415, 401, 401]
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert (
            "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        )
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] in ("no-store", "no-cache")
    assert answers[2].headers["Cache-Control"] == "no-store"


def test_other_sites_are_given_nothing(same: World) -> None:
    origin = {"Origin": "http://evil.example"}
    answer = same.client().get(ASKED, headers=origin)
    assert not [name for name in answer.headers if name.startswith("access-control")]
    asking = {**origin, "Access-Control-Request-Method": "POST"}
    assert same.client().options("/api/v1/alerts/triage", headers=asking).status_code == 405


def test_an_error_of_ours_says_no_more_than_that(fresh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> dict[str, str]:
        raise RuntimeError("tm_secret")

    fresh.services.status = broken
    client = fresh.client()
    client._transport.raise_server_exceptions = False
    answer = client.get(ASKED)
    assert answer.status_code == 500 and answer.json() == {"detail": "an error of ours; the log has it"}


def test_wherever_it_listens_strangers_must_show_a_token(fresh: World) -> None:
    assert fresh.stranger().get(BASE + ASKED).status_code == 401
