"""Makes faces of nobody, and the way from one to another: python examples/generate.py 7 faces"""

import sys
from pathlib import Path

import facesdk

seed, folder = int(sys.argv[1]), Path(sys.argv[2])
folder.mkdir(exist_ok=True)
with facesdk.FaceGenerator() as generator:
    wish = {name: "red" if name == "hair" else 1.0 for name in generator.vocabulary.names if name in ("smile", "hair")}
    first, second = generator.sample(2, seed=seed, attributes=wish)
    for number, face in enumerate(generator.interpolate(first, second, steps=5)):
        face.save(folder / f"{number}.png")
print(f"asked for {wish}: {len(list(folder.glob('*.png')))} faces -> {folder}")
