"""`/api/v1/documents`: upload, list, read, share."""

from typing import Any

from fastapi import APIRouter, HTTPException, Query, Request, UploadFile

from app import sharing, text
from app.cache import Cache
from app.database import LIST_DOCUMENTS_MAX, Database, Document

UPLOAD_BYTES_MAX = 1024 * 1024
UPLOADS_PER_MINUTE_MAX = 60
DOCUMENT_ID_MAX = 2**31 - 1
"""PostgreSQL's `integer`; past it a query is an error and not a miss."""
TITLE_CHARS_MAX = 200

router = APIRouter(prefix="/api/v1")


@router.post("/documents/upload", status_code=201)
def upload(request: Request, file: UploadFile) -> dict[str, Any]:
    """Keeps a UTF-8 text, Markdown or plain."""
    refuse_too_many_uploads(request)
    content = file.file.read(UPLOAD_BYTES_MAX + 1)
    if len(content) > UPLOAD_BYTES_MAX:
        raise HTTPException(413, f"a document has at most {UPLOAD_BYTES_MAX} bytes")
    try:
        body = text.decode(content)
    except text.NotText as error:
        raise HTTPException(415, str(error)) from None
    name = text.title(body, file.filename or "")[:TITLE_CHARS_MAX]
    document = Document(title=name, slug=text.slug(name), body=body, words=text.word_count(body))
    return answer(database(request).add(document))


@router.get("/documents")
def newest(request: Request, limit: int = Query(20, ge=1, le=LIST_DOCUMENTS_MAX)) -> dict[str, Any]:
    """The newest documents, without their text."""
    documents = [answer(document) for document in database(request).newest(limit)]
    for document in documents:
        del document["body"]
    return {"documents": documents}


@router.get("/documents/{document_id}")
def read(request: Request, document_id: int) -> dict[str, Any]:
    """One document, from the cache when it is there, with its views and a link to share it."""
    found = cached(request, document_id)
    token = sharing.sign(request.app.state.settings.secret_key, document_id)
    return found | {"views": cache(request).count_view(document_id), "share": f"/api/v1/shared/{token}"}


@router.get("/shared/{token}")
def shared(request: Request, token: str) -> dict[str, Any]:
    """The document that a signed link stands for."""
    document_id = sharing.verify(request.app.state.settings.secret_key, token)
    if document_id is None:
        raise HTTPException(404, "no such link")
    return cached(request, document_id)


def cached(request: Request, document_id: int) -> dict[str, Any]:
    """Reads through the cache; 404 when there is no such document."""
    kept = cache(request).document(document_id)
    if kept is not None:
        return kept
    in_range = 0 < document_id <= DOCUMENT_ID_MAX
    document = database(request).get(document_id) if in_range else None
    if document is None:
        raise HTTPException(404, "no such document")
    fresh = answer(document)
    cache(request).keep_document(document_id, fresh)
    return fresh


def refuse_too_many_uploads(request: Request) -> None:
    """429 past the limit; nobody is refused while Redis is away."""
    client = request.client.host if request.client else "unknown"
    if cache(request).uploads_in_window(client) > UPLOADS_PER_MINUTE_MAX:
        raise HTTPException(429, f"at most {UPLOADS_PER_MINUTE_MAX} uploads a minute")


def answer(document: Document) -> dict[str, Any]:
    """A document as JSON."""
    return {
        "id": document.id,
        "title": document.title,
        "slug": document.slug,
        "words": document.words,
        "reading_minutes": text.reading_minutes(document.words),
        "excerpt": text.excerpt(document.body),
        "created_at": document.created_at.isoformat(),
        "body": document.body,
    }


def database(request: Request) -> Database:
    """The application's database."""
    return request.app.state.database


def cache(request: Request) -> Cache:
    """The application's cache."""
    return request.app.state.cache
