"""Sigma rules: load, compile, and look at events with them."""

from rules.engine.engine import Engine
from rules.engine.examples import check
from rules.engine.pack import SHIPPED, Pack, load
from rules.engine.rule import Rule

__all__ = ["SHIPPED", "Engine", "Pack", "Rule", "check", "load"]
