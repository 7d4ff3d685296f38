"""Documents that were read lately, counts of views, and the rate limit, in Redis.

The cache may be gone at any time: reading then goes to the database, and only `/health` says so.
"""

import json
import logging
from typing import Any

import redis

ANSWER_SECONDS_MAX = 2
DOCUMENT_SECONDS = 300
RATE_WINDOW_SECONDS = 60

logger = logging.getLogger("blog_creator")


class Cache:
    """What Redis keeps for this application."""

    def __init__(self, url: str) -> None:
        self.client = redis.Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=ANSWER_SECONDS_MAX,
            socket_connect_timeout=ANSWER_SECONDS_MAX,
        )

    def answers(self) -> bool:
        """Whether Redis answers a ping."""
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False

    def document(self, document_id: int) -> dict[str, Any] | None:
        """The document as it was answered last, if it is still kept."""
        try:
            kept = self.client.get(f"document:{document_id}")
        except redis.RedisError as error:
            logger.warning("the cache does not answer: %s", type(error).__name__)
            return None
        return json.loads(kept) if kept else None

    def keep_document(self, document_id: int, answer: dict[str, Any]) -> None:
        """Keeps an answer for a while."""
        try:
            self.client.set(f"document:{document_id}", json.dumps(answer), ex=DOCUMENT_SECONDS)
        except redis.RedisError as error:
            logger.warning("the cache does not answer: %s", type(error).__name__)

    def count_view(self, document_id: int) -> int:
        """Counts one more view; 0 when nobody can count."""
        try:
            return int(self.client.incr(f"views:{document_id}"))
        except redis.RedisError:
            return 0

    def uploads_in_window(self, client: str) -> int:
        """Counts an upload by `client` and says how many there were in this window."""
        key = f"uploads:{client}"
        try:
            with self.client.pipeline() as pipeline:
                pipeline.incr(key)
                pipeline.expire(key, RATE_WINDOW_SECONDS, nx=True)
                count, _ = pipeline.execute()
        except redis.RedisError:
            return 0
        return int(count)

    def close(self) -> None:
        """Gives the connections back."""
        self.client.close()
