"""Links to a document that work without an account, signed with the installation's key."""

import hashlib
import hmac

SIGNATURE_HEX_CHARS = 32


def sign(secret_key: str, document_id: int) -> str:
    """A token that stands for one document."""
    digest = hmac.new(secret_key.encode(), f"share:{document_id}".encode(), hashlib.sha256)
    return f"{document_id}.{digest.hexdigest()[:SIGNATURE_HEX_CHARS]}"


def verify(secret_key: str, token: str) -> int | None:
    """The document a token stands for, or nothing when the token is not ours."""
    number, _, _ = token.partition(".")
    if not number.isascii() or not number.isdigit():
        return None
    if hmac.compare_digest(sign(secret_key, int(number)).encode(), token.encode()):
        return int(number)
    return None
