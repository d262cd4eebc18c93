"""What a server answers to probes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """The answer to a probe."""

    rif: int
    """Requests in flight at the server, from all of its callers."""
    latency: float | None
    """The seconds that requests took of late that came in at about this load: the median; `None` where there were none to tell."""


ProbeReport.__module__ = "tenantry"
