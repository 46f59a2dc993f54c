"""The tiny pack, with and without bfloat16 figures."""

from tests.facesdk.tiny_pack import tiny_content, tiny_pack, tiny_pack_without_bf16

__all__ = ["tiny_content", "tiny_pack", "tiny_pack_without_bf16"]
