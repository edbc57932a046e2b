"""The compiled part of the CEL library, and nothing beside it."""

import sys
from functools import cache
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import Any

_NAME = "cel.cel"


@cache
def cel() -> Any:
    """Loaded with the first policy, in some milliseconds.

    Importing the package would bring its command line along, with 30 MB of libraries for terminals, into every gateway.
    """
    known = sys.modules.get(_NAME)
    if known is not None:
        return known
    package = find_spec("cel")
    found = None if package is None else PathFinder.find_spec(_NAME, package.submodule_search_locations)
    if found is None or found.loader is None:
        raise ImportError("The library common-expression-language is not installed.")
    # It can be made once in a process, so whoever imports the package later has to find it.
    library = sys.modules[_NAME] = module_from_spec(found)
    found.loader.exec_module(library)
    return library
