"""What the browser is told not to do: the headers of every answer."""

from __future__ import annotations

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}


def page_headers(host: str) -> list[tuple[bytes, bytes]]:
    """Headers for ASGI. There are none of CORS: no other page may read an answer.

    Args:
        host: the server's own name and port, already checked; not every browser counts WebSockets as 'self'.

    Source: w3.org/TR/CSP3, w3.org/TR/permissions-policy, html.spec.whatwg.org (cross-origin opener policy).
    """
    policy = {**POLICY, "connect-src": f"'self' ws://{host}"}
    headers = {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "permissions-policy": "camera=(self), microphone=(), geolocation=(), display-capture=(), usb=()",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-embedder-policy": "require-corp",
        "cross-origin-resource-policy": "same-origin",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "cache-control": "no-store",
    }
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
