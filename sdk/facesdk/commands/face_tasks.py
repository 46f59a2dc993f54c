"""The three things that `facesdk generate` does: new faces, a path between two, an edit of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from facesdk.consent import Consent
from facesdk.edited_picture import EditedPicture
from facesdk.errors import InputError
from facesdk.generated_face import GeneratedFace
from facesdk.generator import FaceGenerator, Progress, check_count
from facesdk.pipelines.face_edit import FLOW_SOLVER, FLOW_STEPS
from facesdk.sampling.solver import ADAPTIVE

PATH_FACES = 9
Made = GeneratedFace | EditedPicture


@dataclass(frozen=True)
class FaceTask:
    """What a command line asks for.

    Attributes:
        names: of the files, one a face.
        captions: what a contact sheet writes under each.
        sources: the pictures that are read.
        make: makes the faces.
        describe: how it was made, for the line that is printed.
    """

    names: tuple[str, ...]
    captions: tuple[str, ...]
    sources: tuple[str, ...]
    make: Callable[[FaceGenerator, Progress | None], Sequence[Made]]
    describe: Callable[[FaceGenerator], str]


def read_words(pairs: Sequence[str]) -> dict[str, str]:
    """Reads NAME=VALUE pairs.

    Raises:
        InputError: one has another form, or a name stands twice.
    """
    words: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals and value):
            raise InputError(f"{pair!r} is no NAME=VALUE.", "Example: --set smile=1 hair=red")
        if name in words:
            raise InputError(f"attribute {name} is set twice.", "Say it once.")
        words[name] = value
    return words


def sample_task(
    count: int, seed: int, words: Mapping[str, str], steps: int | None, solver: str, guidance: float | None
) -> FaceTask:
    """New faces.

    Raises:
        InputError: count is out of range.
    """
    check_count(count)

    def make(generator: FaceGenerator, progress: Progress | None) -> Sequence[Made]:
        return generator.sample(count, seed, words, None, steps, solver, guidance, progress)

    def describe(generator: FaceGenerator) -> str:
        usual = generator.facts.steps if solver == "euler" else FLOW_STEPS
        return f"seed {seed}, {steps_text(steps or usual, solver)}"

    numbers = [f"{index:03d}" for index in range(count)]
    return FaceTask(tuple(f"seed{seed}_{number}.png" for number in numbers), tuple(numbers), (), make, describe)


def path_task(ends: tuple[str, str], faces: int, consent: Consent | None) -> FaceTask:
    """A path from one picture's face to another's.

    Raises:
        InputError: faces is out of range.
    """
    check_count(faces, least=2)

    def make(generator: FaceGenerator, progress: Progress | None) -> Sequence[Made]:
        return generator.interpolate(*ends, steps=faces, consent=consent, progress=progress)

    names = tuple(f"path_{index:03d}.png" for index in range(faces))
    captions = tuple(f"{index / (faces - 1):.2f}" for index in range(faces))
    return FaceTask(names, captions, ends, make, lambda _: f"{Path(ends[0]).name} to {Path(ends[1]).name}")


def edit_task(
    picture: str,
    words: Mapping[str, str],
    strength: float,
    steps: int | None,
    solver: str,
    guidance: float | None,
    consent: Consent | None,
    crop: bool = False,
) -> FaceTask:
    """An edit of one picture's face: the whole picture, or the face in the generator's crop."""

    def make(generator: FaceGenerator, progress: Progress | None) -> Sequence[Made]:
        edited = generator.edit_picture(
            picture, words, strength, consent, guidance=guidance, steps=steps, solver=solver
        )
        return [edited.face if crop else edited]

    said = " ".join(f"{name}={value}" for name, value in words.items()) or "reconstruction"
    how = f"{Path(picture).name}, {said}, {steps_text(steps or FLOW_STEPS, solver)}"
    return FaceTask((f"{Path(picture).stem}_edit.png",), (said,), (picture,), make, lambda _: how)


def steps_text(steps: int, solver: str) -> str:
    """As "4 steps", "16 heun steps" or "dopri5"."""
    if solver == ADAPTIVE:
        return solver
    return f"{steps} {'' if solver == 'euler' else solver + ' '}step{'s' * (steps != 1)}"


__all__ = ["FLOW_SOLVER", "PATH_FACES", "FaceTask", "edit_task", "path_task", "read_words", "sample_task"]
