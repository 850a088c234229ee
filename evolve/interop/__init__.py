"""Problems that come from other engines: recognise their folders, and turn them into declared problems."""

from evolve.interop._draft import LAYOUTS, TITLES
from evolve.interop._import import Imported, import_folder, import_once, recognise

__all__ = ["LAYOUTS", "TITLES", "Imported", "import_folder", "import_once", "recognise"]
