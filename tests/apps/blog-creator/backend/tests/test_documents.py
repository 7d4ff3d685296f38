"""The documents API against the real PostgreSQL and Redis."""

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from app import documents

POST = b"# First post\nHello from the blog creator.\n"


def upload(client: TestClient, content: bytes = POST, name: str = "first.md") -> Response:
    return client.post("/api/v1/documents/upload", files={"file": (name, content, "text/markdown")})


def test_an_uploaded_document_can_be_read(client: TestClient) -> None:
    created = upload(client)
    assert created.status_code == 201
    read = client.get(f"/api/v1/documents/{created.json()['id']}").json()
    assert read["title"] == "First post"
    assert read["slug"] == "first-post"
    assert read["body"] == POST.decode()
    assert read["words"] == 8
    assert read["reading_minutes"] == 1


def test_documents_are_listed_newest_first_without_their_text(client: TestClient) -> None:
    for number in range(3):
        upload(client, f"# Post {number}\n".encode())
    listed = client.get("/api/v1/documents", params={"limit": 2}).json()["documents"]
    assert [document["title"] for document in listed] == ["Post 2", "Post 1"]
    assert all("body" not in document for document in listed)


@pytest.mark.parametrize("limit", [0, 101])
def test_a_limit_out_of_range_is_refused(client: TestClient, limit: int) -> None:
    assert client.get("/api/v1/documents", params={"limit": limit}).status_code == 422


def test_views_are_counted(client: TestClient) -> None:
    address = f"/api/v1/documents/{upload(client).json()['id']}"
    assert [client.get(address).json()["views"] for _ in range(3)] == [1, 2, 3]


def test_a_second_read_comes_from_the_cache(client: TestClient) -> None:
    address = f"/api/v1/documents/{upload(client).json()['id']}"
    client.get(address)
    with client.app.state.database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM documents")
    assert client.get(address).json()["title"] == "First post"
    client.app.state.cache.client.flushdb()
    assert client.get(address).status_code == 404


def test_a_shared_link_leads_to_its_document(client: TestClient) -> None:
    document = client.get(f"/api/v1/documents/{upload(client).json()['id']}").json()
    assert client.get(document["share"]).json()["title"] == "First post"
    assert client.get(document["share"] + "0").status_code == 404


@pytest.mark.parametrize("document_id", ["0", "-1", "999", str(2**31), str(2**70)])
def test_a_document_that_is_not_there_is_404(client: TestClient, document_id: str) -> None:
    assert client.get(f"/api/v1/documents/{document_id}").status_code == 404


def test_a_file_that_is_not_text_is_415(client: TestClient) -> None:
    assert upload(client, b"%PDF-1.7 \xff\xfe", "test.pdf").status_code == 415


def test_a_file_that_is_too_large_is_413(client: TestClient) -> None:
    assert upload(client, b"x" * (documents.UPLOAD_BYTES_MAX + 1)).status_code == 413


def test_too_many_uploads_are_429(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "UPLOADS_PER_MINUTE_MAX", 2)
    assert [upload(client).status_code for _ in range(3)] == [201, 201, 429]


def test_documents_are_read_without_the_cache(client_without_cache: TestClient) -> None:
    created = upload(client_without_cache)
    assert created.status_code == 201
    read = client_without_cache.get(f"/api/v1/documents/{created.json()['id']}").json()
    assert (read["title"], read["views"]) == ("First post", 0)


def test_without_the_database_the_answer_is_503(client_without_database: TestClient) -> None:
    response = client_without_database.get("/api/v1/documents")
    assert response.status_code == 503
    assert response.json() == {"detail": "the database does not answer"}
