"""What is refused about notices and endpoints."""

from __future__ import annotations

from billing.rules.refusals import Refusal


class UnknownNotice(Refusal):
    """There is no notice of that id."""

    code = "unknown_notice"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(name)

    def __str__(self) -> str:
        return f"There is no notice {self.name!r}. `billing notices list` shows those there are."

    def explain(self) -> dict[str, object]:
        return {"notice": self.name}


class UnknownWebhookEndpoint(Refusal):
    """There is no endpoint of that id."""

    code = "unknown_webhook_endpoint"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(name)

    def __str__(self) -> str:
        shown = "`billing webhooks list` and GET /v1/webhook-endpoints show those there are."
        return f"There is no webhook endpoint {self.name!r}. {shown}"

    def explain(self) -> dict[str, object]:
        return {"webhook_endpoint": self.name}
