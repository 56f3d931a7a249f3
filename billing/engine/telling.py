"""Signals for verbs inside a host's session: sent when the host commits, forgotten with what it rolls back."""

from __future__ import annotations

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from billing import signals
from billing.base.db import Tx


class Telling:
    """What happened in one session and is not committed yet. A savepoint rolled back takes its own facts along."""

    def __init__(self, session: Session) -> None:
        self._pending: list[tuple[object, Tx]] = []
        self._before: dict[SessionTransaction, list[int]] = {}
        event.listen(session, "after_commit", self._committed)
        event.listen(session, "after_transaction_create", self._begun)
        event.listen(session, "after_soft_rollback", self._undone)
        event.listen(session, "after_transaction_end", self._ended)

    @classmethod
    def of(cls, session: Session) -> Telling:
        """The session's one."""
        telling: Telling = session.info.setdefault("billing_telling", None) or cls(session)
        session.info["billing_telling"] = telling
        return telling

    def follow(self, sender: object, tx: Tx) -> None:
        """Facts of `tx` are told by `sender` when the session commits."""
        self._pending.append((sender, tx))

    def _committed(self, session: Session) -> None:
        if session.in_nested_transaction():  # a savepoint let go: nothing is committed by that
            return
        pending, self._pending = self._pending, []
        for sender, tx in pending:
            told, tx.told[:] = list(tx.told), []
            if tx.spoilt is None:
                signals.send(sender, told)

    def _begun(self, _: Session, transaction: SessionTransaction) -> None:
        if transaction.nested:
            self._before[transaction] = [len(tx.told) for _sender, tx in self._pending]

    def _undone(self, _: Session, transaction: SessionTransaction) -> None:
        before = self._before.pop(transaction, [])
        for at, (_sender, tx) in enumerate(self._pending):
            del tx.told[before[at] if at < len(before) else 0 :]

    def _ended(self, _: Session, transaction: SessionTransaction) -> None:
        if not transaction.nested:  # closed without a commit: then nothing of it is true
            self._before.clear()
            self._pending.clear()
