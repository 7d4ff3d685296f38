"""The blog creator's backend: documents over HTTP, kept in PostgreSQL, cached in Redis."""

__version__ = "1.0.0"
