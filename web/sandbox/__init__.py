"""A stand-in for Stripe on loopback: it speaks its interface, sends its events, and its clock can be moved.

It knows nothing of the engine, imports nothing of it, and the engine does not know that it is not Stripe.
"""

from web.sandbox.sandbox import Sandbox
from web.sandbox.serving import Served, serve
from web.sandbox.store import InUse

__all__ = ["InUse", "Sandbox", "Served", "serve"]
