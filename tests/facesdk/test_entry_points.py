"""There is no way to a swap without a consent that covers it, now: every public method that takes an identity."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facesdk.consent import USES, Consent
from facesdk.errors import ConsentError, FacesdkError
from facesdk.generator import FaceGenerator
from facesdk.identity import Identity
from facesdk.swapper import FaceSwapper
from tests.facesdk.fake_pack import picture

ENDED = "2020-01-01"
SCENE = picture((256, 384), [(2, 3)])
USE_OF = {"swap": "still", "swap_video": "film", "live": "live", "live_painter": "live", "sample": "still"}
"""What each method that takes an identity uses it for; a new method has to be written down here."""
OTHER = {"image": SCENE, "video": "none.mp4", "source": 0, "sink": None, "count": 1}


def who(scope: str, expires: str, pack: str) -> Identity:
    embedding = np.zeros(512, np.float32)
    embedding[0] = 1
    return Identity(embedding, np.zeros((1, 256, 256, 3), np.uint8), Consent.self_(scope, expires), pack)


def methods(owner: type) -> dict[str, Callable[..., Any]]:
    """The public methods with a parameter whose type can hold an identity."""
    return {
        name: method
        for name, method in inspect.getmembers(owner, inspect.isfunction)
        if not name.startswith("_")
        and any(
            word in str(parameter.annotation)
            for parameter in inspect.signature(method).parameters.values()
            for word in ("Identity", "Sources")
        )
    }


def call(method: Callable[..., Any], identity: object) -> None:
    needed = inspect.signature(method).parameters.values()
    given = {p.name: OTHER[p.name] for p in needed if p.name in OTHER and p.default is inspect.Parameter.empty}
    method(**given, identity=identity)


def test_every_method_is_known() -> None:
    assert {*methods(FaceSwapper), *methods(FaceGenerator)} == set(USE_OF)


@pytest.mark.parametrize("name", USE_OF)
def test_what_carries_no_consent_or_one_that_does_not_cover_it_is_refused(
    name: str, swapper: FaceSwapper, generator: FaceGenerator
) -> None:
    owner = swapper if hasattr(FaceSwapper, name) else generator
    method, pack = getattr(owner, name), owner.pack.name
    others = ",".join(use for use in USES if use != USE_OF[name])
    for identity, reason in (
        (SCENE, "carries no consent"),
        ("me.png", "carries no consent"),
        (who(USE_OF[name], ENDED, pack), f"ended on {ENDED}"),
        (who(others, "", pack), f"and not '{USE_OF[name]}'"),
    ):
        with pytest.raises(ConsentError, match=reason):
            call(method, identity)
    # The same call with a consent that covers it fails, if at all, for another reason.
    try:
        call(method, who(USE_OF[name], "", pack))
    except ConsentError:
        raise
    except (FacesdkError, AttributeError):
        pass


def test_the_command_line_refuses_an_ended_consent(
    fake_pack: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    from facesdk.cli import main

    monkeypatch.setenv("FACESDK_PACK_PATH", str(fake_pack.path.parent))
    monkeypatch.setenv("FACESDK_BACKEND", "onnxruntime")
    Image.fromarray(SCENE).save(tmp_path / "scene.png")
    who("still,film,live", ENDED, "fake").save(tmp_path / "me.identity")
    out = tmp_path / "out.png"
    with pytest.raises(SystemExit) as ended:
        main(["swap", str(tmp_path / "me.identity"), str(tmp_path / "scene.png"), "-o", str(out), "--pack", "fake"])
    assert ended.value.code == 5 and "ended on 2020-01-01" in capsys.readouterr().err and not out.exists()


def test_the_web_refuses_an_ended_consent(swapper: FaceSwapper) -> None:
    pytest.importorskip("fastapi")
    from facesdk.serve.limits import ServeLimits
    from facesdk.serve.studio import Studio
    from facesdk.serve.upload import UploadedPicture

    studio = Studio(swapper, ServeLimits())
    for use, scope, expires in (("swap", "still", ENDED), ("swap", "film,live", ""), ("live", "still", "")):
        key = studio.store.add(who(scope, expires, swapper.pack.name), "Me").key
        with pytest.raises(ConsentError):
            if use == "live":
                studio.live(key, "largest")
            else:
                studio.swap(_uploaded(UploadedPicture), key, "largest")


def _uploaded(kind: type) -> Any:
    import io

    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(SCENE).save(stream, "PNG")
    return kind("scene.png", stream.getvalue())
