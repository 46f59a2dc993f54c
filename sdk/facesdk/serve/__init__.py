"""`facesdk serve`: the swap in a browser, on this machine only. FastAPI is imported on use."""
