"""Batches for the swap: source, target and the exact swap, from groups of the face world."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from train.data.degrade import MILD, DegradeConfig, color_change, degrade
from train.data.face_world.types import Part
from train.data.mirror import mirrored_attributes, mirrored_identity, mirrored_points
from train.data.swap_crops import JITTER, crop_scale, cut_labels, cut_pictures, cut_points, own_crop

FACE_PARTS = (
    Part.SKIN, Part.UPPER_LIP, Part.LOWER_LIP, Part.BROW, Part.EYE, Part.IRIS, Part.MOUTH, Part.TEETH, Part.BEARD,
    Part.LASH,
)  # fmt: skip

MIRROR = 0.5  # how often a training triplet is seen in a mirror


class SwapData:
    """Groups of one set: any two members make an ordered (target, exact swap) pair.

    Args:
        arrays: what `load_shards(dir, "swap", split)` returns; without rgb only `draw` works.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.arrays = arrays
        self.rgb = arrays.get("rgb", np.empty((0, 0, 0, 3), np.uint8))
        order = np.argsort(arrays["group"], kind="stable")
        _, starts = np.unique(arrays["group"][order], return_index=True)
        self.groups = np.split(order, starts[1:])
        self.group_of = np.empty(len(order), np.int64)
        for index, rows in enumerate(self.groups):
            self.group_of[rows] = index
        by_identity = np.argsort(arrays["identity"], kind="stable")
        names, first = np.unique(arrays["identity"][by_identity], return_index=True)
        self.identities = names
        self.rows_of = dict(zip(names.tolist(), np.split(by_identity, first[1:])))
        self.label = np.searchsorted(names, arrays["identity"])

    def __len__(self) -> int:
        return len(self.group_of)

    def draw(self, rng: np.random.Generator, same: bool) -> tuple[int, int, int]:
        """One triplet of rows: source, target, exact swap.

        Args:
            rng: source of randomness.
            same: source, target and result are one picture (I_t = I_s of the paper).
        """
        rows = self.groups[rng.integers(len(self.groups))]
        target = int(rng.choice(rows))
        if same:
            return target, target, target
        others = rows[rows != target]
        exact = int(rng.choice(others)) if len(others) else target
        pictures = self.rows_of[int(self.arrays["identity"][exact])]
        elsewhere = pictures[self.group_of[pictures] != self.group_of[target]]
        source = int(rng.choice(elsewhere)) if len(elsewhere) else exact
        return source, target, exact

    def draw_many(self, rng: np.random.Generator, count: int) -> tuple[NDArray[np.int64], ...]:
        """Rows of many triplets at once, each of two people, as `draw` gives them one by one.

        Returns:
            source, target, exact swap, (count,) each.

        Raises:
            InputError: no group has two pictures.
        """
        sizes, starts, flat, place, by_person, first, pictures = self._orders
        paired = np.flatnonzero(sizes[self.group_of] > 1)
        if not len(paired):
            raise InputError("no group has two pictures to make an exact swap of.", "Render groups.")
        exact = rng.choice(paired, count)
        group = self.group_of[exact]
        step = rng.integers(1, sizes[group])
        target = flat[starts[group] + (place[exact] - starts[group] + step) % sizes[group]]
        source, label = exact.copy(), self.label[exact]
        for _ in range(8):  # who is seen elsewhere is found in a few tries
            again = self.group_of[source] == group
            source[again] = by_person[(first[label] + rng.integers(0, pictures[label]))[again]]
        source[self.group_of[source] == group] = exact[self.group_of[source] == group]
        return source, target, exact

    @cached_property
    def crop_scale(self) -> float:
        """See `swap_crops.crop_scale`."""
        return crop_scale(self.arrays["landmarks"], self.rgb.shape[1])

    def own_pictures(self, rows: NDArray[np.integer], rng: np.random.Generator | None = None) -> NDArray[np.uint8]:
        """(N, S, S, 3) uint8 pictures of rows, each in the crop around its own face, see `swap_crops`.

        Args:
            rows: (N,).
            rng: shakes the crops a little, as in training; None for exact ones.
        """
        marks, side = self.arrays["landmarks"], self.rgb.shape[1]
        spread = None if rng is None else JITTER
        still = rng or np.random.default_rng(0)
        return cut_pictures(
            self.rgb[rows], [own_crop(marks[row], side, still, spread, self.crop_scale) for row in rows]
        )

    @cached_property
    def _orders(self) -> tuple[NDArray[np.int64], ...]:
        """Of the groups: sizes, first places, rows side by side and each row's place there; of people: rows side by
        side, first places and counts."""
        sizes, flat = np.array([len(rows) for rows in self.groups]), np.concatenate(self.groups)
        pictures = np.bincount(self.label)
        by_person = np.argsort(self.label, kind="stable")
        first = np.cumsum(pictures) - pictures
        return sizes, np.cumsum(sizes) - sizes, flat, np.argsort(flat, kind="stable"), by_person, first, pictures

    def batch(
        self,
        rng: np.random.Generator,
        size: int,
        same_probability: float,
        config: DegradeConfig | None = MILD,
    ) -> dict[str, NDArray[Any]]:
        """A batch as arrays, each face in a crop of its own, see `swap_crops`; exact swaps in their target's.

        With a `config`, as in training, crops are shaken a little, and half of the triplets are seen in a mirror.

        Returns:
            source, target, exact (B, S, S, 3) uint8; face (B, S, S) bool, where target or exact swap show a face;
            identity_vector (B, K) of the source; attribute_vector (B, A) of the target; landmarks (B, 68, 2) of the
            exact swap; same (B,) bool; label (B,) index of the source's identity. Where the arrays have "points" also
            source_points and target_points (B, 68, 2).
        """
        triplets = []
        same = rng.random(size) < same_probability
        for i in range(size):
            triplets.append(self.draw(rng, bool(same[i])))
        s, t, x = (np.array(c) for c in zip(*triplets))
        side = self.rgb.shape[1]
        spread = None if config is None else JITTER
        marks = self.arrays["landmarks"]
        own, of_source = ([own_crop(marks[row], side, rng, spread, self.crop_scale) for row in rows] for rows in (t, s))
        of_source = [own[i] if same[i] else of_source[i] for i in range(size)]
        source, target, exact = (
            cut_pictures(self.rgb[rows], crops) for rows, crops in ((s, of_source), (t, own), (x, own))
        )
        parts = [cut_labels(self.arrays["parts"][rows], own) for rows in (t, x)]
        face = np.isin(parts[0], FACE_PARTS) | np.isin(parts[1], FACE_PARTS)
        landmarks = cut_points(marks[x], own)
        if config is not None:
            for i in range(size):
                if same[i]:
                    source[i] = target[i] = exact[i] = degrade(target[i], rng, config)
                    continue
                source[i] = degrade(source[i], rng, config)
                if rng.random() < config.color:
                    # One camera for target and exact swap, so that the pair stays exact.
                    change = color_change(rng, config.strength)
                    target[i], exact[i] = change(target[i]), change(exact[i])
        points = self.arrays.get("points")
        out = {
            "source": source, "target": target, "exact": exact, "face": face, "same": same, "landmarks": landmarks,
            "identity_vector": self.arrays["identity_vector"][s],
            "attribute_vector": self.arrays["attribute_vector"][t], "label": self.label[s],
        }  # fmt: skip
        if points is not None:
            out |= {
                f"{name}_points": cut_points(points[rows] * side, crops) / np.float32(side)
                for name, rows, crops in (("source", s, of_source), ("target", t, own))
            }
        if config is not None:
            mirror(out, rng.random(size) < MIRROR, side)
        return out


def mirror(batch: dict[str, NDArray[Any]], which: NDArray[np.bool_], side: int) -> None:
    """Shows some rows of a batch in a mirror, in place, with what is then true of them.

    Args:
        batch: of `SwapData.batch`.
        which: (B,) rows.
        side: of the pictures, pixels.
    """
    for name in ("source", "target", "exact", "face"):
        batch[name][which] = batch[name][which][:, :, ::-1]
    for name, width in {"landmarks": side, "source_points": 1, "target_points": 1}.items():
        if name in batch:
            batch[name][which] = mirrored_points(batch[name][which], width)
    batch["identity_vector"][which] = mirrored_identity(batch["identity_vector"][which])
    batch["attribute_vector"][which] = mirrored_attributes(batch["attribute_vector"][which])
