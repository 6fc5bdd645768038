"""``python -m trio_crawl`` and the command ``trio-crawl``, which are the same."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_EXTRA: Final = frozenset({"cyclopts", "rich"})
_WRONG_USAGE: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return its exit status.

    Args:
        arguments: what stands after the command's name; None takes the process's own.
    """
    try:
        from ._cli.app import run  # noqa: PLC0415 - its packages are an extra, and take time to import
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] not in _EXTRA:
            raise
        sys.stderr.write(
            f"trio-crawl: error: the command line needs {error.name.partition('.')[0]}, "
            "which is not installed: pip install 'trio-crawl[cli]'\n"
        )
        return _WRONG_USAGE
    except KeyboardInterrupt:
        return 130
    return run(sys.argv[1:] if arguments is None else arguments)


if __name__ == "__main__":
    sys.exit(main())
