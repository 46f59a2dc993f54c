"""The tiny pack."""

from tests.facesdk.tiny_pack import tiny_content, tiny_pack

__all__ = ["tiny_content", "tiny_pack"]
