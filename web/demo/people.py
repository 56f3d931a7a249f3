"""Who lives in the demo: customers, what they pay, what they do on an ordinary day."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Habit:
    """Something done now and then: between `least` and `most` credits for `feature`, described by one of `texts`."""

    feature: str
    least: int
    most: int
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Subscription:
    """Paid from a day of the story on. Several at once, and a trial, are sold by hand; one is bought through
    Checkout.
    """

    plan: str
    day: int
    quantity: int = 1
    trial_days: int = 0


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer. `a_day`: how often on a working day something of its habits is done, from `from_day` on. `free`:
    the free plan that it begins with. `locale` and `timezone`: what its letters are written in.
    """

    id: str
    name: str
    about: str
    email: str
    currency: str
    members: tuple[str, ...]
    habits: tuple[Habit, ...]
    a_day: int
    from_day: int
    subscription: Subscription | None = None
    free: str | None = None
    locale: str = "en"
    timezone: str = "UTC"


LUMEN = Customer(
    id="team_lumen",
    name="Lumen Studio",
    about="Pro plan: what is left rolls over; packs, gifts, a job under way",
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
    subscription=Subscription("pro", day=3),
    timezone="America/New_York",
)
KESTREL = Customer(
    id="team_kestrel",
    name="Kestrel & Co",
    about="Basic plan; paid one renewal nine days late, disputed a pack and lost",
    email="accounts@kestrel.example",
    currency="eur",
    members=("tom@kestrel.example", "ines@kestrel.example"),
    habits=(
        Habit("image", 10, 30, ("Listing photo, retouched", "Room with other furniture", "Sky replaced")),
        Habit("upscale", 8, 16, ("Upscale for the brochure",)),
    ),
    a_day=2,
    from_day=11,
    subscription=Subscription("basic", day=11),
    locale="en-IE",
    timezone="Europe/Dublin",
)
OSTWIND = Customer(
    id="team_ostwind",
    name="Ostwind Analytics",
    about="Scale plan; ran ahead of its renewal and owes credits",
    email="finance@ostwind.example",
    currency="eur",
    members=("pipeline@ostwind.example", "lena@ostwind.example"),
    habits=(
        Habit("report", 120, 260, ("Weekly sales report", "Branch comparison", "Forecast, 12 weeks")),
        Habit("extract", 60, 180, ("Invoices read", "Delivery notes read", "Contracts read")),
    ),
    a_day=4,
    from_day=1,
    subscription=Subscription("scale", day=0),
    locale="de",
    timezone="Europe/Berlin",
)
MAPLE = Customer(
    id="team_maple",
    name="Maple Street Books",
    about="Basic plan, little used: credits expire; a pack was refunded",
    email="hello@maplestreet.example",
    currency="usd",
    members=("rosa@maplestreet.example",),
    habits=(Habit("image", 8, 24, ("Window display sketch", "Newsletter header", "Reading evening flyer")),),
    a_day=1,
    from_day=15,
    subscription=Subscription("basic", day=15),
)
FJORD = Customer(
    id="team_fjord",
    name="Fjord Learning",
    about="Three times the Basic plan, sold by hand; a big job lies ahead",
    email="office@fjordlearning.example",
    currency="usd",
    members=("sigrid@fjordlearning.example", "amir@fjordlearning.example", "hanna@fjordlearning.example"),
    habits=(
        Habit("caption", 10, 40, ("Subtitles, lesson 4", "Subtitles, live lecture", "Transcript, seminar")),
        Habit("image", 12, 24, ("Diagram for the biology course", "Cover of the workbook")),
    ),
    a_day=4,
    from_day=26,
    subscription=Subscription("basic", day=26, quantity=3),
)
TIDEWATER = Customer(
    id="team_tidewater",
    name="Tidewater Labs",
    about="Tops itself up; bought a plan at a price that nobody mapped",
    email="ops@tidewater.example",
    currency="usd",
    members=("nadia@tidewater.example", "sam@tidewater.example"),
    habits=(Habit("extract", 15, 45, ("Sensor log summarised", "Field notes read", "Map tiles labelled")),),
    a_day=2,
    from_day=31,
)
HARBOUR = Customer(
    id="team_harbour",
    name="Harbour Print",
    about="Pro, paid for a year ahead: credits come every month",
    email="accounts@harbourprint.example",
    currency="usd",
    members=("olu@harbourprint.example", "greta@harbourprint.example"),
    habits=(
        Habit("image", 16, 48, ("Flyer, both sides", "Label for the spring ale", "Poster, A2")),
        Habit("upscale", 12, 24, ("Upscale for offset print",)),
    ),
    a_day=4,
    from_day=44,
    subscription=Subscription("pro_yearly", day=44),
)
SPARROW = Customer(
    id="team_sparrow",
    name="Sparrow Tutoring",
    about="Free plan; now trying Pro for two weeks",
    email="hi@sparrow.example",
    currency="usd",
    members=("kim@sparrow.example",),
    habits=(Habit("image", 1, 3, ("Worksheet drawing", "Badge for a pupil", "Title page")),),
    a_day=2,
    from_day=20,
    subscription=Subscription("pro", day=105, trial_days=14),
    free="free",
)

JUNIPER = Customer(
    id="team_juniper",
    name="Juniper & Daughters",
    about="Begins with nothing, so that it can be made to subscribe",
    email="hello@juniper.example",
    currency="usd",
    members=("vera@juniper.example",),
    habits=(),
    a_day=0,
    from_day=111,
)

CUSTOMERS = (LUMEN, KESTREL, OSTWIND, MAPLE, FJORD, TIDEWATER, HARBOUR, SPARROW, JUNIPER)
"""The most telling one first, the newcomer last."""
