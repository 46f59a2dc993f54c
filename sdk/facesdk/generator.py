"""Faces of people who do not exist: samples, paths between them, and edits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from facesdk.attributes import Value
from facesdk.consent import Consent
from facesdk.edited_picture import EditedPicture
from facesdk.errors import InputError
from facesdk.generated_face import GeneratedFace
from facesdk.identity import Identity
from facesdk.latent_space import LatentSpace
from facesdk.likeness import consents_of, likeness_of
from facesdk.media.image import Color, ImageSource, load_image, picture_name
from facesdk.pipelines.face_edit import FLOW_SOLVER, FLOW_STEPS, EditSettings, edit_latent, edit_photograph
from facesdk.provenance.origin import consents_for
from facesdk.sampling.slerp import slerp
from facesdk.sampling.solver import ADAPTIVE

Progress = Callable[[int, int], None]
"""Called with (faces done, faces in all)."""
Space = Literal["latent", "noise"]

MAX_COUNT = 1000
"""Most faces of one call; more have other numbers (`first`) or another seed."""


class FaceGenerator(LatentSpace):
    """Makes faces that are nobody's. Keep it open for many; it is safe to call from several threads.

    The same pack, seed, number and options give the same face: to the bit on one machine and backend, whatever the
    count. The noise is the same everywhere, but for the last digit of a logarithm. Float32 backends agree to 1e-3 in
    the latent and, but for one pixel value in a thousand, to 1 of 255 levels; bfloat16 is within 0.05 in the latent and
    1 level on average (measured on networks of nano's size: 1e-6 and 1 level, 0.014 and 0.3 levels).

    Args:
        pack: a pack, its name, or its folder.
        backend: "auto", or a backend's name as `facesdk doctor` lists them.
        threads: threads per network, by default FACESDK_THREADS or all usable cores.

    Raises:
        PackError: the pack is missing, damaged, or has no networks that make faces.
        BackendError: the backend is not there.
    """

    def sample(
        self,
        count: int,
        seed: int = 0,
        attributes: Mapping[str, Value] | None = None,
        identity: Identity | None = None,
        steps: int | None = None,
        solver: str = "euler",
        guidance: float | None = None,
        progress: Progress | None = None,
        *,
        first: int = 0,
    ) -> list[GeneratedFace]:
        """Makes faces.

        What `attributes` leaves out varies as it does in the world: each face draws it by its own number, and draws the
        same whatever is asked, but for what does not go with it. With an identity nothing is drawn.

        Args:
            count: how many, 1 to MAX_COUNT.
            seed: 0 to 2**64 - 1.
            attributes: what they show, by name: `vocabulary` says what exists.
            identity: whom they resemble.
            steps: of the solver, by default what the pack was trained for (Euler's method) or FLOW_STEPS; not with
                "dopri5", which chooses them.
            solver: "euler", "midpoint", "heun", "rk4" or "dopri5".
            guidance: how strongly attributes and identity are followed, or what was drawn where nothing was asked, 0 to
                20; by default what the pack says of each.
            progress: called after every face.
            first: number of the first face under this seed.

        Returns:
            `count` faces.

        Raises:
            InputError: an argument is out of range; for attributes the text lists what exists.
            ConsentError: the identity carries no consent for still pictures.
            BackendError: a network returned NaN.
        """
        pipeline = self._open()
        check_count(count)
        parsed = self.vocabulary.parse(attributes or {})
        consents, embedding = likeness_of(identity, self.pack)
        if steps is None and solver != ADAPTIVE:
            steps = self.facts.steps if solver == "euler" else FLOW_STEPS
        faces: list[GeneratedFace] = []
        # One at a time, so that a face does not depend on the count, to the last bit: the decoder takes most of the
        # time, and gains nothing from a second row.
        for index in range(first, first + count):
            request = pipeline.request(seed, [index], parsed, embedding, guidance)
            latent = pipeline.sample(request, steps, solver)[0]
            faces.append(GeneratedFace(self.decode(latent), latent, seed, index, parsed, consents))
            if progress is not None:
                progress(len(faces), count)
        return faces

    def interpolate(
        self,
        start: GeneratedFace | ImageSource,
        end: GeneratedFace | ImageSource,
        steps: int = 9,
        space: Space = "latent",
        consent: Consent | None = None,
        progress: Progress | None = None,
    ) -> list[GeneratedFace]:
        """A path from one face to another.

        Args:
            start, end: generated faces, or pictures.
            steps: faces on the path, both ends included, 2 to MAX_COUNT.
            space: "latent" turns one latent into the other; "noise" turns their noises and flows each to a face.
            consent: for pictures that do not say that a trained algorithm made them.
            progress: called after every face.

        Returns:
            `steps` faces.

        Raises:
            ConsentError: a picture may show a real person, and no consent covers it.
            InputError: no face in a picture, or an argument is out of range.
            MediaError: a picture could not be read.
        """
        check_count(steps, least=2)
        if space not in ("latent", "noise"):
            raise InputError(f"space={space!r}: 'latent' or 'noise' expected.")
        pipeline = self._open()
        consents = dict.fromkeys(one for face in (start, end) for one in consents_of(face, consent))
        ends = [face.latent if isinstance(face, GeneratedFace) else self.encode(face) for face in (start, end)]
        weights = np.linspace(0.0, 1.0, steps)
        if space == "noise":
            noises = self.invert(np.stack(ends))
            path = self.flow(slerp(noises[0], noises[1], weights))
        else:
            path = slerp(ends[0], ends[1], weights)
        faces = []
        for latent in path:
            faces.append(GeneratedFace(pipeline.decode(latent[None])[0], latent, consents=tuple(consents)))
            if progress is not None:
                progress(len(faces), steps)
        return faces

    def edit(
        self,
        picture: GeneratedFace | ImageSource,
        attributes: Mapping[str, Value],
        strength: float = 1.0,
        consent: Consent | None = None,
        *,
        guidance: float | None = None,
        steps: int | None = None,
        solver: str = FLOW_SOLVER,
        color: Color = "rgb",
        name: str | None = None,
    ) -> GeneratedFace:
        """A face again, with other attributes.

        Its latent flows back towards noise as what it is, and forward again as what is wanted; everything that nobody
        mentioned is in the noise and stays. Without attributes this is the generator's reconstruction of the face.

        Args:
            picture: a generated face, or a picture, of which the largest face is taken.
            attributes: what it shall show.
            strength: how far back it flows, 0 (not at all) to 1 (to the noise).
            consent: for a picture that does not say that a trained algorithm made it.
            guidance: how strongly the attributes are followed, 0 to 20; by default what the pack says.
            steps: of the solver, each way, by default FLOW_STEPS; not with "dopri5".
            solver: "midpoint", "heun", "rk4" or "dopri5".
            color: order of an array's channels.
            name: what errors call the picture, by default its file's name.

        Returns:
            The face in the generator's own crop.

        Raises:
            ConsentError: the picture may show a real person, and no consent covers it.
            InputError: no face, or an argument is out of range; for attributes the text lists what exists.
            MediaError: the picture could not be read.
        """
        how = EditSettings(strength, guidance, steps, solver)
        if not isinstance(picture, GeneratedFace):
            return self._edit_picture(picture, attributes, how, consent, color, name).face
        parsed = self.vocabulary.parse(attributes)
        edited = edit_latent(self._open(), picture.latent, picture.attributes, parsed, how)
        said = {**picture.attributes, **parsed}
        return GeneratedFace(self.decode(edited), edited, attributes=said, consents=picture.consents)

    def edit_picture(
        self,
        picture: ImageSource,
        attributes: Mapping[str, Value],
        strength: float = 1.0,
        consent: Consent | None = None,
        *,
        guidance: float | None = None,
        steps: int | None = None,
        solver: str = FLOW_SOLVER,
        color: Color = "rgb",
        name: str | None = None,
    ) -> EditedPicture:
        """A picture in which its largest face has other attributes.

        What the edit changed is painted into the picture, and nothing else; without attributes it stays as it is.

        Args:
            picture: a path, bytes, a PIL image, or (H, W, 3) uint8.
            attributes, strength, consent, guidance, steps, solver, color, name: as of `edit`, and so are the errors.
        """
        how = EditSettings(strength, guidance, steps, solver)
        return self._edit_picture(picture, attributes, how, consent, color, name)

    def _edit_picture(
        self,
        picture: ImageSource,
        attributes: Mapping[str, Value],
        how: EditSettings,
        consent: Consent | None,
        color: Color,
        name: str | None,
    ) -> EditedPicture:
        pipeline, parsed = self._open(), self.vocabulary.parse(attributes)
        called = name or picture_name(picture)
        consents = consents_for(picture, consent, called, "edit")
        image = load_image(picture, color)
        made, mask, latent = edit_photograph(pipeline, self._reader, image, called, parsed, how)
        face = GeneratedFace(self.decode(latent), latent, attributes=parsed, consents=consents)
        return EditedPicture(made, mask, face)


def check_count(count: int, least: int = 1) -> None:
    """Checks how many faces are asked for.

    Raises:
        InputError: fewer than `least`, or more than MAX_COUNT.
    """
    if not least <= count <= MAX_COUNT:
        raise InputError(
            f"{count} faces were asked for: {least} to {MAX_COUNT} are made in one call.",
            "For more, take another seed.",
        )
