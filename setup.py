"""Build script of the native module `facesdk._native`; all metadata stands in pyproject.toml.

The module is optional: without a C++ compiler the package installs all the same and its NumPy references run. So is
OpenVINO's extension with the project's own operations: without OpenVINO's headers graphs keep the standard ones.
The CUDA ops are built only where FACESDK_BUILD_CUDA says so, 1 for every architecture or a list as 86,120: nvcc takes
minutes for all of them, and most machines that have it install facesdk for the CPU.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SOURCE = Path("cpp_ext")
OPENVINO_SOURCE = SOURCE / "openvino"
OPENVINO_NAME = "facesdk._openvino_ext_"
CUDA_SOURCE = SOURCE / "cuda"
CUDA_NAME = "facesdk._native_cuda"
CUDA_WANTED = os.environ.get("FACESDK_BUILD_CUDA", "").strip()
# Turing to Blackwell; of the last one PTX too, for what comes after it.
CUDA_ARCHITECTURES = ("75", "80", "86", "89", "90", "100", "120")
NVCC_FLAGS = ("-std=c++17", "-O3", f"-I{SOURCE}", "-Xcompiler=-fPIC,-fvisibility=hidden")
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
        if ext.name == CUDA_NAME:
            self._build_cuda(ext)
            return
        if ext.name.startswith(OPENVINO_NAME):
            self._add_openvino(ext)
            super().build_extension(ext)
            return
        import pybind11

        msvc = self.compiler.compiler_type == "msvc"
        kind, flags = ("msvc", MSVC_FLAGS) if msvc else ("gnu", GNU_FLAGS)
        self._add_kernels(ext, sorted(SOURCE.rglob("*_cpu.cpp")), kind)
        ext.include_dirs.append(pybind11.get_include())
        ext.extra_compile_args += [*flags, *GLUE_FLAGS[kind]]
        if sys.platform == "linux":
            # Symbols that nobody loads are most of the file.
            ext.extra_link_args.append("-Wl,--strip-all")
        super().build_extension(ext)

    def _build_cuda(self, ext: Extension) -> None:
        """Compiles the *.cu for each architecture, and links the CUDA runtime in, so that only a driver is needed."""
        import pybind11

        nvcc = shutil.which("nvcc")
        if nvcc is None or sys.platform != "linux":
            raise RuntimeError(
                f"FACESDK_BUILD_CUDA={CUDA_WANTED} wants nvcc on Linux: install the CUDA toolkit, or unset it"
            )
        chosen = CUDA_ARCHITECTURES if CUDA_WANTED == "1" else tuple(CUDA_WANTED.split(","))
        codes = [f"-gencode=arch=compute_{name},code=sm_{name}" for name in chosen]
        codes.append(f"-gencode=arch=compute_{chosen[-1]},code=compute_{chosen[-1]}")
        folder = Path(self.build_temp) / "cuda"
        folder.mkdir(parents=True, exist_ok=True)
        objects = self.compiler.compile(
            ext.sources,
            output_dir=str(folder),
            include_dirs=[str(SOURCE), pybind11.get_include()],
            extra_postargs=[*GNU_FLAGS, *GLUE_FLAGS["gnu"]],
        )
        for path in sorted(SOURCE.rglob("*.cu")):
            objects.append(str(folder / f"{path.stem}.o"))
            self.spawn([nvcc, *NVCC_FLAGS, *codes, "--threads=0", "-c", str(path), "-o", objects[-1]])
        target = Path(self.get_ext_fullpath(ext.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        self.spawn([nvcc, "-shared", "-cudart=static", "-Xlinker=--strip-all", *objects, "-o", str(target)])

    def _add_kernels(self, ext: Extension, kernels: list[Path], kind: str) -> None:
        """Compiles kernels once for each level."""
        flags = MSVC_FLAGS if kind == "msvc" else GNU_FLAGS
        for level, own in LEVELS.items() if X86 else [("baseline", LEVELS["baseline"])]:
            ext.extra_objects += self.compiler.compile(
                [str(path) for path in kernels],
                output_dir=str(Path(self.build_temp) / level),
                macros=[("FACESDK_LEVEL", level)],
                include_dirs=[str(SOURCE)],
                extra_postargs=[*flags, *KERNEL_FLAGS[kind], *own[kind]],
                depends=ext.depends,
            )

    def _add_openvino(self, ext: Extension) -> None:
        """Adds the kernels, and the headers and libraries of the OpenVINO that is installed."""
        self._add_kernels(ext, [SOURCE / "adain" / "adain_cpu.cpp"], "gnu")
        ext.extra_objects += self.compiler.compile(
            [str(OPENVINO_SOURCE / "style_layer_bf16.cpp")],
            output_dir=self.build_temp,
            include_dirs=[str(SOURCE)],
            extra_postargs=[*GNU_FLAGS, *KERNEL_FLAGS["gnu"], *LEVELS["avx512"]["gnu"], "-mavx512bf16"],
            depends=ext.depends,
        )
        folder = openvino_folder()
        core, tbb = (next((folder / "libs").glob(name)).name for name in ("libopenvino.so.*", "libtbb.so.*"))
        # Its checks name the header they stand in, and the folder is this machine's.
        hidden = f"-fmacro-prefix-map={folder}=openvino"
        ext.extra_compile_args += [*GNU_FLAGS, *GLUE_FLAGS["gnu"], f"-isystem{folder / 'include'}", hidden]
        # The process that imports openvino has both loaded under these very names.
        ext.extra_link_args += [f"-L{folder / 'libs'}", f"-l:{core}", f"-l:{tbb}", "-Wl,--strip-all"]


def openvino_folder() -> Path | None:
    """The installed OpenVINO with headers, on a machine that the extension is written for."""
    found = importlib.util.find_spec("openvino") if sys.platform == "linux" and X86 else None
    if found is None or not found.submodule_search_locations:
        return None
    folder = Path(found.submodule_search_locations[0])
    return folder if (folder / "include" / "openvino" / "core" / "op_extension.hpp").is_file() else None


def openvino_extensions() -> list[Extension]:
    """The extension for this OpenVINO and no other, which is why its name holds the version; none without headers."""
    if openvino_folder() is None:
        return []
    own = sorted(path for path in OPENVINO_SOURCE.glob("*.cpp") if not path.stem.endswith("_bf16"))
    return [
        Extension(
            OPENVINO_NAME + importlib.metadata.version("openvino").replace(".", "_"),
            sources=[str(path) for path in [*own, SOURCE / "common" / "dispatch.cpp"]],
            depends=[str(path) for path in sorted(SOURCE.rglob("*.h"))],
            include_dirs=[str(SOURCE)],
            language="c++",
            optional=True,
        )
    ]


native = Extension(
    "facesdk._native",
    sources=[
        str(path)
        for path in sorted(SOURCE.rglob("*.cpp"))
        if not path.stem.endswith("_cpu") and OPENVINO_SOURCE not in path.parents
    ],
    depends=[str(path) for kind in ("*.h", "*_cpu.cpp") for path in sorted(SOURCE.rglob(kind))],
    include_dirs=[str(SOURCE)],
    language="c++",
    optional=True,
)

# Not optional: who asks for it is told when it fails.
cuda = [Extension(CUDA_NAME, sources=[str(CUDA_SOURCE / "bindings.cc")], language="c++")] if CUDA_WANTED else []

setup(ext_modules=[native, *openvino_extensions(), *cuda], cmdclass={"build_ext": BuildNative})
