"""A host's session: each verb takes place in the transaction that the host has open by then."""

from __future__ import annotations

from sqlalchemy.orm import Session, SessionTransaction

from billing.base.db import Database, Tx
from billing.engine.telling import Telling


class Host:
    """One session of a host's, and the transaction of ours that goes with its present one."""

    def __init__(self, session: Session, database: Database, sender: object) -> None:
        self._session, self._database, self.sender = session, database, sender
        self._entered: tuple[SessionTransaction | None, Tx] | None = None
        self._followed = False

    def tx(self) -> Tx:
        """The session's present transaction; entered anew when the host has committed or rolled back meanwhile."""
        if self._entered is None or not self.lasts(self._entered[1]):
            tx = self._database.enter(self._session)
            self._entered, self._followed = (self._session.get_transaction(), tx), False
        return self._entered[1]

    def told(self) -> None:
        """Something is to be told: from here on the session is listened to. Most have nobody to tell."""
        if self._entered is not None and self._entered[1].told and not self._followed:
            self._followed = True
            Telling.of(self._session).follow(self.sender, self._entered[1])

    def lasts(self, tx: Tx) -> bool:
        """Is the session still in the transaction that `tx` was entered with?"""
        return self._entered is not None and self._entered == (self._session.get_transaction(), tx)
