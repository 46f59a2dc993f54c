"""`python -m facesdk` is the command `facesdk`."""

from facesdk.cli import main

if __name__ == "__main__":
    main()
