"""Everything put together: search detectors under a budget, train as a recipe of a paper says.

planning.py   what a search comes down to, checked before anything is read or trained
procedure.py  how a search trains: by a recipe, or as it is asked
search.py     the search itself
recipe.py     train as a recipe says
"""

from __future__ import annotations

from .planning import plan_search
from .procedure import SearchProcedure, search_procedure
from .recipe import describe_trained, make_recipe_task
from .search import search_detectors

__all__ = [
    "SearchProcedure",
    "describe_trained",
    "make_recipe_task",
    "plan_search",
    "search_detectors",
    "search_procedure",
]
