"""What the story happens to: the engine, the sandbox it pays at, and the business's own side of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from billing.sales.values import Checkout, Topup
from jobs.running import run
from jobs.runs import Run
from jobs.timetable import A_DAY, TIMETABLE
from web.demo.account import Account
from web.demo.people import Customer
from web.sandbox.resources.disputes import CHARGEBACK

if TYPE_CHECKING:
    from billing import Billing
    from web.sandbox import Sandbox


APP = "http://127.0.0.1/"
"""Where buyers of the story come back to; nobody looks."""

CARD = "4242424242424242"


@dataclass(frozen=True, slots=True)
class World:
    """Whatever is done in it is done once, by its key."""

    billing: Billing
    sandbox: Sandbox
    account: Account

    def arrive(self, customer: Customer) -> None:
        """The customer is there, if not yet."""
        arrive(self.billing, customer)

    def subscribe(self, customer: Customer, plan: str) -> None:
        """The customer buys a plan through Checkout."""
        key, currency = f"subscribe-{plan}", customer.currency
        self.pay(self.billing.subscribe(customer.id, plan, key=key, currency=currency, home=APP))

    def buy(self, customer: Customer, pack: str, number: int) -> None:
        """The customer buys a pack through Checkout: its `number`th."""
        self.pay(self._bought(customer, pack, number))

    def refund(self, customer: Customer, pack: str, number: int) -> None:
        """The business gives back what that pack has cost."""
        topup = self._bought(customer, pack, number)
        self.billing.refund(customer.id, topup.id, key=f"refund-{number}")

    def dispute(self, customer: Customer, pack: str, number: int) -> None:
        """The customer's bank takes back what that pack has cost, and wants to hear the business."""
        payment, known = self._payment(customer, pack, number)
        if not known:
            self.sandbox.dashboard.dispute(payment)

    def win(self, customer: Customer, pack: str, number: int) -> None:
        """The bank decides for the business."""
        _, [known] = self._payment(customer, pack, number)
        if known["status"] in CHARGEBACK:
            self.sandbox.dashboard.judge(known["id"], "win")

    def _bought(self, customer: Customer, pack: str, number: int) -> Topup:
        key, currency = f"topup-{number}", customer.currency
        return self.billing.topup(customer.id, pack, key=key, currency=currency, home=APP)

    def _payment(self, customer: Customer, pack: str, number: int) -> tuple[str, list[dict[str, Any]]]:
        """The payment of that pack at Stripe, and its disputes."""
        session = self._bought(customer, pack, number).session
        payment = str(self.account.get(f"checkout/sessions/{session}")["payment_intent"])
        return payment, self.account.get("disputes", payment_intent=payment)["data"]

    def pay(self, opened: Topup | Checkout, card: str = CARD) -> None:
        """What the buyer does on the page of Checkout; nothing where it was paid before."""
        assert opened.session is not None, opened
        if opened.status == "open":
            self.sandbox.pay(opened.session, card=card)
            self.sandbox.drain()


def arrive(billing: Billing, customer: Customer) -> None:
    """The customer is there, if not yet."""
    free = {} if customer.free is None else {"plan": customer.free}
    billing.customer(customer.id, name=customer.name, email=customer.email, locale=customer.locale,
                     timezone=customer.timezone, metadata={"demo": True}, **free)  # fmt: skip


def catch_up(billing: Billing) -> None:
    """Does all that is due, as the timetable would, but for what is done by night."""
    for job in TIMETABLE.values():
        while job.every < A_DAY and job.step(billing):
            pass


def run_jobs(billing: Billing) -> None:
    """The same by the timetable itself, which keeps a history of it; by night, too."""
    for job in TIMETABLE.values():
        done = run(billing, job)
        if isinstance(done, Run) and done.status == "done":
            continue
        while job.every < A_DAY and job.step(billing):  # another one has its slot, or has just had it
            pass
