"""The `billing` command: a file per noun. What a command needs is loaded when it is called."""

from __future__ import annotations

import sys

from web.cli.group import Commands, Named

cli = Commands(
    "billing",
    help="A billing engine for subscriptions with credits in them. Settings come from the environment (README).",
    commands={
        "serve": Named("web.cli.serve:serve", "Serve the interface, the customers' pages and the webhook."),
        "jobs": Named("web.cli.jobs:jobs", "Run the timetable; what is on it, what it did."),
        "sandbox": Named("web.cli.sandbox:sandbox", "Serve a stand-in for Stripe on this machine."),
        "demo": Named("web.demo.run:demo", "Show it with sample customers: `make run`."),
        "customers": Named("web.cli.customers:customers", "Customers and their credits: look, explain, correct."),
        "import": Named("web.cli.imports:bring", "Bring opening balances from elsewhere."),
        "events": Named("web.cli.events:events", "What Stripe told us: list it, replay it."),
        "notices": Named("web.cli.notices:notices", "What is sent to whom: list it, send it again."),
        "webhooks": Named("web.cli.webhooks:webhooks", "Where programs are told of events: add, test, rotate."),
        "stripe": Named("web.cli.stripe:stripe", "Stripe: find what never arrived, make or check the webhook."),
        "keys": Named("web.cli.keys:keys", "Keys of the interface."),
        "staff": Named("web.cli.staff:staff", "Who may look at the books."),
        "catalog": Named("web.cli.catalog:catalog", "Plans and packs: check the file, put them on sale at Stripe."),
        "report": Named("web.cli.report:report", "What finance asks: the reconciliation."),
        "audit": Named("web.cli.audit:audit", "Check the books against themselves."),
        "db": Named("web.cli.db:db", "The database's tables."),
    },
)


def main() -> None:
    """The entry point of the `billing` command."""
    sys.exit(cli.main(prog_name="billing", standalone_mode=True))
