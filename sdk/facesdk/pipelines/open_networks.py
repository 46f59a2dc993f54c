"""Which networks a pack is swapped with: its own, or those of other makers."""

from __future__ import annotations

from facesdk.community.analyzer import CommunityAnalyzer
from facesdk.community.model import FAMILY as COMMUNITY
from facesdk.errors import InputError
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.pack import Pack
from facesdk.pipelines.base import SwapPipeline
from facesdk.pipelines.community_swap import CommunitySwapPipeline
from facesdk.pipelines.style_swap import FAMILY, StyleSwapPipeline

METHODS = ("auto", "style", "community")


def check_method(method: str) -> None:
    """Checks a method's name before a pack is opened for it.

    Raises:
        InputError: it is none of METHODS.
    """
    if method not in METHODS:
        raise InputError(f"method={method!r}: one of {', '.join(METHODS)} expected.")


def open_networks(
    pack: Pack, method: str, backend: str = "auto", threads: int | None = None
) -> tuple[FaceAnalyzer, SwapPipeline]:
    """Opens the networks that find faces, and those that swap them.

    Args:
        pack: an open pack.
        method: one of METHODS, checked; "auto" is what the pack has, "style" first.
        backend: "auto" or a backend's name.
        threads: threads per network, or None.

    Raises:
        PackError: the pack has no networks for the method.
        BackendError: the backend is not there.
    """
    families = pack.manifest.families
    if method == "community" or (method == "auto" and COMMUNITY in families and FAMILY not in families):
        community = CommunityAnalyzer(pack, backend, threads)
        community.prepare("landmarks", "parser")
        return community, CommunitySwapPipeline(pack, community, backend, threads)
    analyzer = FaceAnalyzer(pack, backend, threads)
    analyzer.prepare("landmarks", "parser")
    return analyzer, StyleSwapPipeline(pack, analyzer.parser, backend, threads, landmarker=analyzer.landmarker)
