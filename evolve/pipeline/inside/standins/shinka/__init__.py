"""Stand-in for `shinka`; what is not here comes from the package itself where that is installed."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
