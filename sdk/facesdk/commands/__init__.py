"""The commands of `facesdk`, one file each."""
