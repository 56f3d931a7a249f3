"""Who lives in the demo: customers, what they pay, what they do on an ordinary day."""

from __future__ import annotations

from dataclasses import dataclass

from web.demo.payments import Payer


@dataclass(frozen=True, slots=True)
class Habit:
    """Something done now and then: between `least` and `most` credits for `feature`, described by one of `texts`."""

    feature: str
    least: int
    most: int
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Subscription:
    """Paid monthly from a day of the story on: `unit_cents` for each of `quantity`."""

    plan: str
    day: int
    unit_cents: int
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer. `a_day`: how often on a working day something of its habits is done, from `from_day` on."""

    id: str
    name: str
    email: str
    currency: str
    members: tuple[str, ...]
    habits: tuple[Habit, ...]
    a_day: int
    from_day: int
    subscription: Subscription | None = None

    @property
    def payer(self) -> Payer:
        return Payer(self.id, self.name, self.email, self.currency)


LUMEN = Customer(
    id="team_lumen",
    name="Lumen Studio",
    email="billing@lumen.example",
    currency="usd",
    members=("ada@lumen.example", "joris@lumen.example", "mei@lumen.example"),
    habits=(
        Habit("image", 12, 36, ("Product shots, grey backdrop", "Moodboard, 3 variants", "Poster for the spring fair")),
        Habit("image", 12, 24, ("Packaging mock-up", "Menu illustrations", "Social tiles, square")),
        Habit("upscale", 8, 20, ("Upscale to 4K", "Upscale for print")),
        Habit("video", 60, 120, ("Product clip, 8 seconds", "Loop for the landing page")),
    ),
    a_day=6,
    from_day=3,
    subscription=Subscription("pro", day=3, unit_cents=7900),
)
KESTREL = Customer(
    id="team_kestrel",
    name="Kestrel & Co",
    email="accounts@kestrel.example",
    currency="eur",
    members=("tom@kestrel.example", "ines@kestrel.example"),
    habits=(
        Habit("image", 10, 30, ("Listing photo, retouched", "Room with other furniture", "Sky replaced")),
        Habit("upscale", 8, 16, ("Upscale for the brochure",)),
    ),
    a_day=2,
    from_day=11,
    subscription=Subscription("basic", day=11, unit_cents=1700),
)
OSTWIND = Customer(
    id="team_ostwind",
    name="Ostwind Analytics",
    email="finance@ostwind.example",
    currency="eur",
    members=("pipeline@ostwind.example", "lena@ostwind.example"),
    habits=(
        Habit("report", 120, 260, ("Weekly sales report", "Branch comparison", "Forecast, 12 weeks")),
        Habit("extract", 60, 180, ("Invoices read", "Delivery notes read", "Contracts read")),
    ),
    a_day=4,
    from_day=1,
    subscription=Subscription("scale", day=0, unit_cents=23900),
)
MAPLE = Customer(
    id="team_maple",
    name="Maple Street Books",
    email="hello@maplestreet.example",
    currency="usd",
    members=("rosa@maplestreet.example",),
    habits=(Habit("image", 8, 24, ("Window display sketch", "Newsletter header", "Reading evening flyer")),),
    a_day=1,
    from_day=15,
    subscription=Subscription("basic", day=15, unit_cents=1900),
)
FJORD = Customer(
    id="team_fjord",
    name="Fjord Learning",
    email="office@fjordlearning.example",
    currency="usd",
    members=("sigrid@fjordlearning.example", "amir@fjordlearning.example", "hanna@fjordlearning.example"),
    habits=(
        Habit("caption", 10, 40, ("Subtitles, lesson 4", "Subtitles, live lecture", "Transcript, seminar")),
        Habit("image", 12, 24, ("Diagram for the biology course", "Cover of the workbook")),
    ),
    a_day=4,
    from_day=26,
    subscription=Subscription("basic", day=26, unit_cents=1900, quantity=3),
)
TIDEWATER = Customer(
    id="team_tidewater",
    name="Tidewater Labs",
    email="ops@tidewater.example",
    currency="usd",
    members=("nadia@tidewater.example", "sam@tidewater.example"),
    habits=(Habit("extract", 15, 45, ("Sensor log summarised", "Field notes read", "Map tiles labelled")),),
    a_day=2,
    from_day=31,
)

CUSTOMERS = (LUMEN, KESTREL, OSTWIND, MAPLE, FJORD, TIDEWATER)
"""The most telling one first."""
