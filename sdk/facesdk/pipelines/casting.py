"""Who plays whom: which identity a film's face gets, and keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from facesdk.errors import InputError
from facesdk.faces.select import Rule
from facesdk.faces.track import TrackedFace
from facesdk.identity import Identity


class Casting:
    """Gives identities to the faces of a film. A face that was chosen stays chosen as long as it is known.

    "largest", "left", "right" and numbers choose among the faces of the frame in which nobody is chosen yet; "all" and
    "like" look at every new face.

    Args:
        pairs: identities with their rules.
    """

    def __init__(self, pairs: Sequence[tuple[Identity, Rule]]) -> None:
        self._pairs = tuple(pairs)
        self.roles: dict[int, int] = {}
        """Face's number -> place in the pairs."""

    def cast(self, faces: Sequence[TrackedFace]) -> list[tuple[TrackedFace, Identity]]:
        """Says who is swapped in a frame.

        Args:
            faces: of the frame, from left to right.

        Returns:
            The faces that have an identity, from left to right.
        """
        present = {face.id for face in faces}
        for place, (_, rule) in enumerate(self._pairs):
            if rule.kind not in ("all", "like") and any(
                role == place and number in present for number, role in self.roles.items()
            ):
                continue
            for number in self._choose(rule, faces):
                if number not in self.roles:
                    if rule.kind not in ("all", "like"):
                        # The one who played it has left.
                        self.roles = {other: role for other, role in self.roles.items() if role != place}
                    self.roles[number] = place
        return [(face, self._pairs[self.roles[face.id]][0]) for face in faces if face.id in self.roles]

    def forget(self, known: set[int]) -> None:
        """Drops the faces that the tracker has forgotten."""
        self.roles = {number: role for number, role in self.roles.items() if number in known}

    def restore(self, roles: Mapping[str, int]) -> None:
        """Takes `roles` as JSON gives it back, with text as keys."""
        self.roles = {int(number): role for number, role in roles.items()}

    def _choose(self, rule: Rule, faces: Sequence[TrackedFace]) -> list[int]:
        seen = [face for face in faces if face.seen]
        if not seen:
            return []
        try:
            return [seen[index].id for index in rule.choose([face.face for face in seen])]
        except InputError:
            # This frame has no such face; in a film that is no error.
            return []
