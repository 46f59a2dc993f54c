"""Build script of the native module `facesdk._native`; all metadata stands in pyproject.toml.

The module is optional: without a C++ compiler the package installs all the same and its NumPy references run.
"""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SOURCE = Path("cpp_ext")
X86 = platform.machine().lower() in ("x86_64", "amd64")
# Products and sums are fused only where a kernel says so: every level then rounds alike.
GNU_FLAGS = ("-std=c++17", "-g0", "-ffp-contract=off", "-fvisibility=hidden", "-Wall", "-Wextra")
MSVC_FLAGS = ("/std:c++17", "/EHsc", "/fp:precise")
# The glue is compiled for size: that is where the compiler's time goes.
GLUE_FLAGS = {"gnu": ("-Os",), "msvc": ("/O1",)}
# GCC 12 takes the undefined registers of its own AVX-512 header for a fault.
KERNEL_FLAGS = {"gnu": ("-O3", "-Wno-maybe-uninitialized"), "msvc": ("/O2",)}
# Every *_cpu.cpp is compiled once for each of these, into a namespace of that name.
LEVELS = {
    "baseline": {"gnu": (), "msvc": ()},
    "avx2": {"gnu": ("-mavx2", "-mfma"), "msvc": ("/arch:AVX2",)},
    "avx512": {
        "gnu": ("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma", "-mprefer-vector-width=512"),
        "msvc": ("/arch:AVX512",),
    },
}


class BuildNative(build_ext):
    """Compiles the kernels once for each instruction set, then links them with the rest."""

    def build_extension(self, ext: Extension) -> None:
        """Adds the kernels' objects, and pybind11's headers, to the extension."""
        import pybind11

        msvc = self.compiler.compiler_type == "msvc"
        kind, flags = ("msvc", MSVC_FLAGS) if msvc else ("gnu", GNU_FLAGS)
        kernels = [str(path) for path in sorted(SOURCE.rglob("*_cpu.cpp"))]
        for level, own in LEVELS.items() if X86 else [("baseline", LEVELS["baseline"])]:
            ext.extra_objects += self.compiler.compile(
                kernels,
                output_dir=str(Path(self.build_temp) / level),
                macros=[("FACESDK_LEVEL", level)],
                include_dirs=[str(SOURCE)],
                extra_postargs=[*flags, *KERNEL_FLAGS[kind], *own[kind]],
                depends=ext.depends,
            )
        ext.include_dirs.append(pybind11.get_include())
        ext.extra_compile_args += [*flags, *GLUE_FLAGS[kind]]
        if sys.platform == "linux":
            # Symbols that nobody loads are most of the file.
            ext.extra_link_args.append("-Wl,--strip-all")
        super().build_extension(ext)


native = Extension(
    "facesdk._native",
    sources=[str(path) for path in sorted(SOURCE.rglob("*.cpp")) if not path.stem.endswith("_cpu")],
    depends=[str(path) for kind in ("*.h", "*_cpu.cpp") for path in sorted(SOURCE.rglob(kind))],
    include_dirs=[str(SOURCE)],
    language="c++",
    optional=True,
)

setup(ext_modules=[native], cmdclass={"build_ext": BuildNative})
