from __future__ import annotations

from pathlib import Path

import pytest

from billing.base.keep import Keep
from billing.base.settings import Settings, SettingsInvalid, database_url, origin_of

KEY = {"SECRET_KEYS": "a-long-random-text"}


def errors(environ: dict[str, str], *, demo: bool = False) -> dict[str, list[str]]:
    with pytest.raises(SettingsInvalid) as caught:
        Settings.from_env(environ, demo=demo)
    return caught.value.errors


def test_nothing_but_a_secret_is_required(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.from_env(KEY)
    assert settings == Settings(
        database_url="sqlite:///var/billing.sqlite3",
        host="127.0.0.1",
        port=8000,
        public_url="http://127.0.0.1:8000",
        catalog=None,
        stripe_webhook_secrets=(),
        secret_keys=("a-long-random-text",),
        demo=False,
        allowed_origins=("http://127.0.0.1:8000",),
    )
    (tmp_path / "catalog.toml").touch()
    assert Settings.from_env(KEY).catalog == Path("catalog.toml")


def test_everything_can_be_said(tmp_path: Path) -> None:
    catalog = tmp_path / "sold.toml"
    catalog.touch()
    settings = Settings.from_env(
        {
            "DATABASE_URL": "postgres://bill:p%40ss@db:5433/books?sslmode=require",
            "HOST": "::",
            "PORT": " 9000 ",
            "PUBLIC_URL": "https://billing.example.com/credits/",
            "BILLING_CATALOG": str(catalog),
            "STRIPE_WEBHOOK_SECRETS": "whsec_new, whsec_old",
            "SECRET_KEYS": "new,old",
            "STRIPE_SECRET_KEY": "sk_test_4eC39",
            "STRIPE_API_BASE": "http://127.0.0.1:4242/",
            "ALLOWED_ORIGINS": "https://app.example.com, HTTP://localhost:3000/",
            "SANDBOX_PORT": "4242",
        }
    )
    assert settings.database_url == "postgresql+psycopg://bill:p%40ss@db:5433/books?sslmode=require"
    assert (settings.host, settings.port, settings.catalog) == ("::", 9000, catalog)
    assert settings.public_url == "https://billing.example.com/credits"
    assert settings.stripe_webhook_secrets == ("whsec_new", "whsec_old")
    assert settings.secret_keys == ("new", "old")
    assert (settings.stripe_secret_key, settings.stripe_api_base) == ("sk_test_4eC39", "http://127.0.0.1:4242")
    origins = ("https://billing.example.com", "https://app.example.com", "http://localhost:3000")
    assert (settings.allowed_origins, settings.sandbox_port) == (origins, 4242)


def test_set_to_nothing_is_unset() -> None:
    blank = dict.fromkeys(("DATABASE_URL", "HOST", "PORT", "PUBLIC_URL", "STRIPE_WEBHOOK_SECRETS"), "")
    assert Settings.from_env(blank | KEY).port == 8000
    assert list(errors(blank | {"SECRET_KEYS": "  "})) == ["SECRET_KEYS"]
    assert Settings.from_env(KEY | {"HOST": "  ", "PUBLIC_URL": "\n"}).host == "127.0.0.1"


def test_the_demo_makes_its_own_secret() -> None:
    settings = Settings.from_env({}, demo=True)
    assert settings.demo
    assert settings.secret_keys == ()


def test_the_process_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEYS", "from-the-process")
    monkeypatch.setenv("PORT", "8123")
    assert Settings.from_env().secret_keys == ("from-the-process",)
    assert Settings.from_env().port == 8123


def test_all_bad_ones_are_reported_at_once_without_their_values() -> None:
    bad = {
        "DATABASE_URL": "mysql://root:hunter2@db/books",
        "HOST": "http://here",
        "PORT": "80.5",
        "PUBLIC_URL": "billing.example.com",
        "BILLING_CATALOG": "/nowhere/catalog.toml",
        "STRIPE_WEBHOOK_SECRETS": "hunter2,,",
    }
    found = errors(bad)
    assert set(found) == {*bad, "SECRET_KEYS"}
    text = str(SettingsInvalid(found))
    assert text.count("\n") == 6
    assert "hunter2" not in text


@pytest.mark.parametrize("port", ["0", "-1", "65536", "http", "8000.0"])
def test_a_port_is_a_port(port: str) -> None:
    assert list(errors(KEY | {"PORT": port})) == ["PORT"]


@pytest.mark.parametrize(
    "url", ["ftp://x.example", "https://", "https://x.example/?a=1", "https://x:99999", "https://[x"]
)
def test_a_public_address_is_one_that_people_can_open(url: str) -> None:
    assert list(errors(KEY | {"PUBLIC_URL": url})) == ["PUBLIC_URL"]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
        ("localhost", "http://localhost:8000"),
    ],
)
def test_the_public_address_follows_the_host(host: str, url: str) -> None:
    assert Settings.from_env(KEY | {"HOST": host}).public_url == url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("postgres://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("postgresql://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("postgresql+psycopg://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("sqlite:////srv/books.sqlite3", "sqlite:////srv/books.sqlite3"),
    ],
)
def test_two_databases_are_known(text: str, url: str) -> None:
    assert database_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "books",
        "mysql://h/d",
        "postgresql+psycopg2://h/d",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql://h:x/d",
    ],
)
def test_other_databases_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"postgresql://|SQLite needs a file"):
        database_url(text)


def test_secrets_stay_out_of_the_repr() -> None:
    shown = repr(
        Settings.from_env(
            {
                "SECRET_KEYS": "hunter2",
                "STRIPE_WEBHOOK_SECRETS": "hunter2",
                "DATABASE_URL": "postgresql://u:hunter2@h/d",
            }
        )
    )
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("STRIPE_SECRET_KEY", "pk_test_public"),
        ("STRIPE_SECRET_KEY", "whsec_other"),
        ("STRIPE_API_BASE", "stripe.example.com"),
        ("SANDBOX_PORT", "0"),
        ("SANDBOX_PORT", "many"),
        *(
            ("ALLOWED_ORIGINS", bad)
            for bad in ("*", "app.example.com", "https://a.com/path", "https://a@b.com", "null")
        ),
        ("ALLOWED_ORIGINS", "https://a.com,,https://b.com"),
    ],
)
def test_what_stripe_and_buyers_need_is_checked(name: str, bad: str) -> None:
    told = errors(KEY | {name: bad})
    assert list(told) == [name]
    assert not name.endswith("KEY") or bad not in " ".join(told[name])


def test_a_key_of_stripes_is_never_shown() -> None:
    settings = Settings.from_env(KEY | {"STRIPE_SECRET_KEY": "sk_test_do_not_show"})
    assert "do_not_show" not in repr(settings)


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://app.example.com/a?b#c", "https://app.example.com"),
        ("HTTPS://APP.example.com:443", "https://app.example.com"),
        ("http://localhost:3000/", "http://localhost:3000"),
        ("http://[::1]:80/", "http://[::1]"),
    ],
)
def test_an_origin_is_as_a_browser_names_it(address: str, origin: str) -> None:
    assert origin_of(address) == origin


@pytest.mark.parametrize(
    "address",
    ["//a.com", "ftp://a.com", "https://", "https://a@b.com", "https://a.com\\@b.com", "https://a .com", "javascript:1",
     "https://a.com:port", "https://a.com\n"],
)  # fmt: skip
def test_what_has_no_origin(address: str) -> None:
    with pytest.raises(ValueError, match=r"address|[Pp]ort"):
        origin_of(address)


def test_for_how_long_is_kept_what_may_go() -> None:
    assert Settings.from_env(KEY).keep == Keep()
    said = {"KEEP_STRIPE_EVENTS_DAYS": "60", "KEEP_OUTBOX_DAYS": "3650", "METRICS_TOKEN": "a-token-of-our-own"}
    settings = Settings.from_env(KEY | said)
    assert settings.keep == Keep(stripe_events=60, outbox=3650)
    assert settings.metrics_token == "a-token-of-our-own"
    assert "a-token" not in repr(settings)
    wrong = {"KEEP_STRIPE_EVENTS_DAYS": "59", "KEEP_CONVERSATIONS_DAYS": "x", "METRICS_TOKEN": "short"}
    assert set(errors(KEY | wrong)) == set(wrong)
