"""What the page can ask for, and how each kind of bad input is answered."""

from __future__ import annotations

import base64
import io
import tempfile
from datetime import date
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facesdk.consent import Consent
from facesdk.provenance.label import SOURCE_TYPES, read_label
from facesdk.serve import studio as studio_module
from facesdk.serve.limits import ServeLimits
from tests.facesdk.serve.conftest import EMPTY, GROUP, ME, Site


def _swap(site: Site, key: str, data: bytes = GROUP, name: str = "party.png", **query: str) -> Any:
    return site.client.post("/api/swap", params={"identity": key, **query}, files={"picture": (name, data)})


def _what(answer: Any, status: int) -> str:
    document = answer.json()
    assert answer.status_code == status and set(document) == {"what", "cure"} and document["cure"], answer.text
    return str(document["what"])


def test_enrol_swap_forget(site: Site) -> None:
    key = site.enrol(scope="still")
    state = site.client.get("/api/state").json()
    (face,) = state["identities"]
    assert (face["id"], face["name"], face["basis"], face["scope"]) == (key, "Me", "self", ["still"])
    answer = _swap(site, key, faces="all", format="jpeg")
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/jpeg"
    assert 'filename="swap.jpeg"' in answer.headers["content-disposition"]
    assert read_label(answer.content) == SOURCE_TYPES["swap"]
    assert site.client.delete(f"/api/identities/{key}").status_code == 204
    assert "not enrolled" in _what(_swap(site, key), 404)
    assert site.client.get("/api/state").json()["identities"] == []


def test_the_swap_is_that_of_the_sdk(site: Site) -> None:
    key = site.enrol()
    answer = _swap(site, key, faces="right")
    expected = site.studio.swapper.swap(GROUP, site.studio.store.get(key).identity, "right").image
    got = np.asarray(Image.open(io.BytesIO(answer.content))).astype(int)
    # A mark in the pixels is allowed; it is not seen.
    assert np.abs(got - expected).max() <= 8
    before = np.asarray(Image.open(io.BytesIO(GROUP)))
    assert (expected != before)[104:190, 224:320].any() and not (expected != before)[40:128, :160].any()
    assert '"swapped": 1' in answer.headers["x-facesdk-report"] and '"faces": 2' in answer.headers["x-facesdk-report"]


def test_a_consent_of_somebody_else_says_who(site: Site) -> None:
    key = site.enrol(consent="given", who="Ann Lee, by e-mail")
    assert site.studio.store.get(key).name == "Ann Lee, by e-mail"
    assert "Ann Lee" in site.studio.store.get(key).identity.consent.statement


@pytest.mark.parametrize(
    "fields",
    [{}, {"consent": ""}, {"consent": "given"}, {"consent": "given", "who": "  "}, {"consent": "synthetic"}]
    + [{"consent": "self", "scope": scope} for scope in ("", "everything", "still,stream")],
)
def test_without_a_whole_consent_nothing_is_enrolled(site: Site, fields: dict[str, str]) -> None:
    answer = site.client.post("/api/identities", data=fields, files={"pictures": ("me.png", ME)})
    _what(answer, 403)
    assert site.studio.store.all() == []


def test_a_consent_ends_on_its_last_day(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    key = site.enrol(expires="2099-12-31", scope="still")
    (face,) = site.client.get("/api/state").json()["identities"]
    assert (face["id"], face["expires"], face["scope"]) == (key, "2099-12-31", ["still"])
    assert _swap(site, key).status_code == 200
    ended = Consent.is_expired
    monkeypatch.setattr(Consent, "is_expired", lambda self, day=None: ended(self, day or date(2100, 1, 1)))
    assert "ended on 2099-12-31" in _what(_swap(site, key), 403)
    for expires, why in (("2020-01-01", "ended on 2020-01-01 already"), ("soon", "a day is expected")):
        fields = {"consent": "self", "expires": expires}
        answer = site.client.post("/api/identities", data=fields, files={"pictures": ("me.png", ME)})
        assert why in _what(answer, 403)
    assert len(site.studio.store.all()) == 1


def test_the_page_asks_for_uses_and_last_day(site: Site) -> None:
    page = site.stranger.get("/").text
    assert 'type="date" name="expires"' in page
    assert [f'name="scope" value="{use}"' in page for use in ("still", "live")] == [True, True]


def test_a_consent_for_live_use_only_swaps_no_picture(site: Site) -> None:
    assert "covers live, and not 'still'" in _what(_swap(site, site.enrol(scope="live")), 403)


PICTURES = [
    ("text", b"no picture at all", "party.png is no picture"),
    ("empty", b"", "party.png is no picture"),
    ("half", GROUP[: len(GROUP) // 2], "party.png is"),
    ("svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "party.png is no picture"),
    ("no face", EMPTY, "no face found in party.png"),
]


@pytest.mark.parametrize(("data", "text"), [row[1:] for row in PICTURES], ids=[row[0] for row in PICTURES])
def test_a_bad_picture_is_named(site: Site, data: bytes, text: str) -> None:
    assert text in _what(_swap(site, site.enrol(), data), 422)
    answer = site.client.post("/api/identities", data={"consent": "self"}, files={"pictures": ("party.png", data)})
    assert text.replace("party.png", "picture 1") in _what(answer, 422) or text in _what(answer, 422)
    assert len(site.studio.store.all()) == 1


def test_a_form_is_as_expected_or_refused(site: Site) -> None:
    key = site.enrol()
    _what(site.client.post("/api/identities", data={"consent": "self"}, files={"x": ("", b"")}), 422)
    _what(site.client.post("/api/identities", json={"consent": "self"}), 422)
    many = [("pictures", ("me.png", ME))] * (ServeLimits().pictures + 1)
    assert "Too many files" in _what(site.client.post("/api/identities", data={"consent": "self"}, files=many), 422)
    fields = {f"field{number}": "x" for number in range(20)}
    assert "Too many fields" in _what(site.client.post("/api/identities", data=fields, files=many[:1]), 422)
    _what(_swap(site, key, format="exe"), 422)
    _what(_swap(site, key, faces="like me.png"), 422)
    _what(_swap(site, key, faces="7"), 422)
    _what(site.client.post("/api/swap", files={"picture": ("a.png", GROUP)}), 422)
    _what(site.client.get("/api/faces?seed=x"), 422)
    _what(site.client.get("/api/nothing"), 404)
    _what(site.client.put("/api/state"), 405)


def test_too_much_is_refused_before_it_is_read(site: Site) -> None:
    assert "1 MiB" in _what(_swap(site, "x", bytes(2 << 20)), 413)
    assert "64 KiB" in _what(site.client.post("/api/faces/1/1", content=bytes(70_000)), 413)


def test_uploads_never_touch_the_disk(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a temporary file was made")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    # Starlette would spool parts above 1 MiB.
    noise = np.random.default_rng(0).integers(0, 255, (340, 330, 3), np.uint8)
    data = io.BytesIO()
    Image.fromarray(noise).save(data, "BMP")
    monkeypatch.setattr("starlette.formparsers.MultiPartParser.spool_max_size", 1000)
    assert "no face found" in _what(_swap(site, site.enrol(), data.getvalue()), 422)


def test_faces_of_nobody_are_marked_and_come_again(site: Site) -> None:
    def ask(seed: int) -> list[bytes]:
        files = [base64.b64decode(text) for text in site.client.get(f"/api/faces?seed={seed}").json()["faces"]]
        assert all(read_label(file) == SOURCE_TYPES["generate"] for file in files)
        return [np.asarray(Image.open(io.BytesIO(file))).tobytes() for file in files]

    assert ask(5) == ask(5) and len(set(ask(5))) == studio_module.CANDIDATES and ask(6)[0] not in ask(5)
    # The fake generator paints squares, in which the fake detector finds no face.
    assert "no face found" in _what(site.client.post("/api/faces/5/0"), 422)
    assert "0 to 5 expected" in _what(site.client.post("/api/faces/5/6"), 422)


def test_the_shown_face_of_a_person_is_theirs_and_that_of_nobody_is_marked(site: Site) -> None:
    from facesdk.consent import Consent
    from facesdk.identity import Identity

    own = site.client.get(f"/api/identities/{site.enrol()}/face")
    assert own.headers["content-type"] == "image/png" and read_label(own.content) is None
    nobody = Identity.from_images(ME, Consent.synthetic(), analyzer=site.studio.swapper.analyzer)
    key = site.studio.store.add(nobody, "Nobody").key
    assert read_label(site.client.get(f"/api/identities/{key}/face").content) == SOURCE_TYPES["generate"]


def test_what_was_not_foreseen_is_json_and_tells_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("/secret/path")

    monkeypatch.setattr(site.studio, "swap", broken)
    what = _what(_swap(site, "x"), 500)
    assert "KeyError" in what and "secret" not in what


def test_every_answer_has_the_headers(site: Site) -> None:
    for answer in (site.stranger.get("/"), site.client.get("/api/state"), site.stranger.get("/api/state")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
        assert "ws://127.0.0.1:8347" in policy and "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert "set-cookie" not in answer.headers


def test_the_page_loads_nothing_from_elsewhere(site: Site) -> None:
    texts = {path: site.stranger.get(path).text for path in ("/", "/app.js", "/app.css", "/icon.svg")}
    for path, text in texts.items():
        assert "https://" not in text and "//cdn" not in text, path
        assert text.count("http://") == text.count("http://www.w3.org"), path
    assert "innerHTML" not in texts["/app.js"] and "style=" not in texts["/"] and "onclick" not in texts["/"]


def test_the_framework_reports_to_nobody(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from facesdk.serve.app import build_app
    from facesdk.serve.door import Door
    from facesdk.serve.jobs import Jobs

    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    jobs = Jobs(1, "test")
    app: Any = build_app(site.studio, Door(1), ServeLimits(), jobs)
    jobs.close()
    said = app._app._telemetry
    assert not any(said[name] for name in ("tracing", "metrics", "logs", "operation_spans", "auto_configure"))
