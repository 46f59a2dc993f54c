"""facesdk."""
