"""What the story's customers can buy: the sample catalog."""

from __future__ import annotations

from importlib import resources

from billing import Catalog
from billing.catalog.loading import parse


def story_catalog() -> Catalog:
    """What the story's customers bought."""
    return parse(catalog_text())


def catalog_text() -> str:
    """The file as it is written."""
    return resources.files("web.demo").joinpath("catalog.toml").read_text(encoding="utf-8")
