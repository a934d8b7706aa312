"""A command of `gblend`: its flags, its help, its errors."""

import dataclasses
import inspect
import logging as builtin_logging
import os
import re
import sys
import textwrap
from collections.abc import Callable
from collections.abc import Sequence
from types import ModuleType

from absl import flags
from absl import logging

from gblend_keras.utils import signals

ERRORS = (
    ValueError,
    FloatingPointError,
    ImportError,
    OSError,
    signals.RunError,
)  # each of them is a sentence for the user
WIDTH = 80
_INDENT = " " * 6
_PLACEHOLDERS = {
    "set": "section.key=value",
    "annotations": "FILE,...",
    "classes": "FILE,...",
    "repeats": "DIR,...",
    "about": "FILE",
    "class_names": "FILE",
    "input": "FILE",
    "output": "FILE",
    "out": "DIR",
    "to": "DIR",
    "videos": "DIR",
    "workdir": "DIR",
    "data_dir": "DIR",
    "verbs": "DIR",
    "nouns": "DIR",
    "model": "RUN_DIR",
}  # flag -> what stands for its value in the help


class UsageError(Exception):
    """Words or flags that do not go together."""


@dataclasses.dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        name: As the user types it, "train".
        about: The docstring of its module: a line, examples, more.
        flags: Its flags, and no others.
        run: Takes the words that are no flags.
        errors: What `run` raises to end the program with one sentence.
    """

    name: str
    about: str
    flags: flags.FlagValues
    run: Callable[[Sequence[str]], None]
    errors: tuple[type[BaseException], ...] = ERRORS

    @property
    def summary(self) -> str:
        """The first line of `about`."""
        return self.about.splitlines()[0]

    def help(self) -> str:
        """Returns the help: what it does, examples, every flag."""
        lines = [
            f"Usage: gblend {self.name} [--flag=value ...]",
            "",
            inspect.cleandoc(self.about),
            "",
            "Flags:",
        ]
        for name in sorted(self.flags):
            lines += _flag_lines(self.flags[name])
        return "\n".join(lines)

    def __call__(self, arguments: Sequence[str]) -> None:
        """Runs the command; bad input ends the program with one sentence."""
        if any(each in ("--help", "-help", "-h") for each in arguments):
            print(self.help())
            return
        logging.use_absl_handler()
        handler = logging.get_absl_handler()
        handler.setFormatter(builtin_logging.Formatter("%(message)s"))
        flags.FLAGS(["gblend"])  # absl's own; else its logging complains
        try:
            words = self.flags([self.name, *arguments])[1:]
            self.run(words)
            sys.stdout.flush()
        except BrokenPipeError:  # `gblend zoo list | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except (flags.Error, UsageError) as error:
            self._end(f"{error}\nSee gblend {self.name} --help.", 2)
        except self.errors as error:
            self._end(str(error), 1)

    def _end(self, message: str, code: int) -> None:
        print(f"gblend {self.name}: {message}", file=sys.stderr)
        sys.exit(code)


def of_module(module: ModuleType, name: str) -> Command:
    """Returns the command that a module of this room makes.

    Args:
        module: It has a docstring, `FLAGS`, and a function `run`.
        name: Its name on the command line.
    """
    return Command(
        name,
        module.__doc__ or "",
        module.FLAGS,
        module.run,
        getattr(module, "ERRORS", ERRORS),
    )


def check_no_words(words: Sequence[str]) -> None:
    """Raises if there are words beside the flags."""
    if words:
        raise UsageError(f"Expected only flags. Received: {list(words)}.")


def check_given(values: flags.FlagValues, *names: str) -> None:
    """Raises unless each of these flags was given."""
    for name in names:
        if not values[name].value:
            raise UsageError(
                f"--{name} is missing. Expected a value: {values[name].help} "
                f"Received: nothing. Add --{name}={_placeholder(values[name])}."
            )


def _flag_lines(flag: flags.Flag) -> list[str]:
    shown = f"--{flag.name}={_placeholder(flag)}"
    if flag.boolean:
        shown = f"--[no]{flag.name}"
    about = re.sub(r"^<.*?>: |\s*;\s*repeat this option.*", "", str(flag.help))
    choices = getattr(flag.parser, "enum_values", None)
    if choices:
        about += f" One of: {', '.join(each or repr('') for each in choices)}."
    if flag.default not in (None, "", [], False):
        default = flag.default
        if isinstance(default, list):
            default = ",".join(default)
        about += f" Default: {default}."
    return [
        f"  {shown}",
        *textwrap.wrap(
            about,
            WIDTH,
            initial_indent=_INDENT,
            subsequent_indent=_INDENT,
            break_on_hyphens=False,
        ),
    ]


def _placeholder(flag: flags.Flag) -> str:
    if flag.name in _PLACEHOLDERS:
        return _PLACEHOLDERS[flag.name]
    kinds = {"int": "N", "float": "X", "comma separated list of strings": "A,B"}
    return kinds.get(flag.flag_type(), "NAME")
