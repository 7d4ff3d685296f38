"""Documents in PostgreSQL.

The tables are made on first use, under an advisory lock, because two replicas start at once and the
database may come up after them.
"""

from datetime import datetime

from sqlalchemy import DateTime, Engine, Integer, String, Text, create_engine, func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

CONNECT_SECONDS_MAX = 3
LIST_DOCUMENTS_MAX = 100
SCHEMA_LOCK = 5_062_002


class Base(DeclarativeBase):
    """The tables of this application."""


class Document(Base):
    """One uploaded text."""

    __tablename__ = "documents"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    slug: Mapped[str] = mapped_column(String(100), index=True)
    body: Mapped[str] = mapped_column(Text)
    words: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Database:
    """A pool of connections and the few questions this application asks."""

    def __init__(self, url: str) -> None:
        self.engine: Engine = create_engine(
            url, pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_SECONDS_MAX}
        )
        self.sessions = sessionmaker(self.engine, expire_on_commit=False)
        self.has_schema = False

    def session(self) -> Session:
        """A session on a database that has its tables."""
        if not self.has_schema:
            self.create_schema()
        return self.sessions()

    def create_schema(self) -> None:
        """Makes the tables that are missing; one replica at a time."""
        with self.engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SCHEMA_LOCK})
            Base.metadata.create_all(connection)
        self.has_schema = True

    def answers(self) -> bool:
        """Whether a query comes back."""
        try:
            with self.session() as session:
                return session.scalar(select(1)) == 1
        except SQLAlchemyError:
            return False

    def add(self, document: Document) -> Document:
        """Keeps `document` and gives it its id."""
        with self.session() as session, session.begin():
            session.add(document)
            session.flush()
            session.refresh(document)
        return document

    def get(self, document_id: int) -> Document | None:
        """The document with this id."""
        with self.session() as session:
            return session.get(Document, document_id)

    def newest(self, limit: int) -> list[Document]:
        """The newest documents, at most `LIST_DOCUMENTS_MAX` of them."""
        query = select(Document).order_by(Document.id.desc()).limit(min(limit, LIST_DOCUMENTS_MAX))
        with self.session() as session:
            return list(session.scalars(query))

    def close(self) -> None:
        """Gives the connections back."""
        self.engine.dispose()
