"""What a strategy of one's own is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenantry._native import Candidate


class Candidates(list["Candidate"]):
    """The endpoints of a pool, in the configuration's order, and what distinguishes one pick from the next. A list of its own, made for each pick."""

    __slots__ = ("draw", "turn", "waited")

    turn: int
    """Numbers the requests of this pool, roughly in order; wraps at 2**32."""
    draw: int
    """64 random bits of this pick, from the balancer's seed: a strategy that draws no others can be replayed."""
    waited: bool
    """Whether the request has waited for its seat: the pool is saturated."""

    def __init__(self, candidates: list[Candidate], turn: int, draw: int, waited: bool) -> None:
        super().__init__(candidates)
        self.turn = turn
        self.draw = draw
        self.waited = waited


Candidates.__module__ = "tenantry"
