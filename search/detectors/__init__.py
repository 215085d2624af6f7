"""Everything put together: search detectors under a budget, train as a recipe of a paper says.

planning.py  what a search comes down to, checked before anything is read or trained
search.py    the search itself
recipe.py    train as a recipe says
"""

from __future__ import annotations

from .planning import plan_search
from .recipe import describe_trained, make_recipe_task
from .search import search_detectors

__all__ = ["describe_trained", "make_recipe_task", "plan_search", "search_detectors"]
