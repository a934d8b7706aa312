"""The command line of `gblend`: which command, and what it is told."""

import importlib
import sys
from collections.abc import Sequence

from gblend_keras.cli import command
from gblend_keras.utils import close_names

# Each is a module of this folder; in the order in which a user meets them.
COMMANDS = (
    "train",
    "compare",
    "estimate",
    "evaluate",
    "predict",
    "prepare",
    "report",
    "export",
    "convert",
    "zoo",
    "benchmark",
)


def get(name: str) -> command.Command:
    """Returns a command by name.

    Raises:
        ModuleNotFoundError: If there is none of this name.
    """
    module = importlib.import_module(f"gblend_keras.cli.{name}")
    return command.of_module(module, name)


def overview() -> str:
    """Returns the help of `gblend` itself: a line for each command."""
    width = max(map(len, COMMANDS))
    lines = ["Usage: gblend COMMAND [--flag=value ...]", "", "Commands:"]
    lines += [f"  {name:<{width}}  {get(name).summary}" for name in COMMANDS]
    return "\n".join([*lines, "", "gblend COMMAND --help shows its flags."])


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs `gblend` with arguments; those of the process by default."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in ("--help", "-h", "-help", "help"):
        print(overview())
        return
    if not given or given[0] not in COMMANDS:
        received = repr(given[0]) if given else "nothing"
        advice = close_names.did_you_mean(given[0] if given else "", COMMANDS)
        sys.stderr.write(
            f"gblend: Expected a command, one of {', '.join(COMMANDS)}. "
            f"Received: {received}. "
            f"{advice}See gblend --help.\n"
        )
        sys.exit(2)
    get(given[0])(given[1:])


if __name__ == "__main__":
    main()
