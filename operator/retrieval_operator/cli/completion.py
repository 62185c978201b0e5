"""`retrieval completion SHELL`: a script that completes commands, options, fields and GPUs."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Final

from retrieval_operator.devices import PRODUCTS
from retrieval_operator.spec.fields import fields

_SHELLS: Final = ("bash", "zsh", "fish")

_BASH: Final = """# retrieval: source this file, or: source <(retrieval completion bash)
_retrieval() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} known=
  case $before in
    --gpu) COMPREPLY=($(compgen -W "{gpus}" -- "$word")); return ;;
    -f|--filename|--node-labels|--model-path) COMPREPLY=($(compgen -f -- "$word")); return ;;
  esac
  if [ "$COMP_CWORD" = 1 ]; then known="{commands}"; else
    case ${{COMP_WORDS[1]}} in
{cases}
    esac
  fi
  COMPREPLY=($(compgen -W "$known" -- "$word"))
}}
complete -o filenames -F _retrieval retrieval
"""
_ZSH: Final = "autoload -U +X bashcompinit && bashcompinit\n"
_FISH_COMMAND: Final = "complete -c retrieval -n __fish_use_subcommand -f -a {name}\n"
_FISH_OPTION: Final = "complete -c retrieval -n '__fish_seen_subcommand_from {name}' -l {option}\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("shell", choices=_SHELLS, help="bash, zsh or fish")


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    words = {name: _options(help_text) for name, help_text in args.helps.items()}
    sys.stdout.write(_fish(words) if args.shell == "fish" else _bash(words, args.shell))
    return 0


def _options(help_text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(re.findall(r"--[a-z][a-z-]+", help_text)))


def _bash(words: Mapping[str, Iterable[str]], shell: str) -> str:
    paths = [field.path for field in fields()]
    further = {"explain": paths, "completion": _SHELLS}
    cases = "\n".join(
        f'      {name}) known="{" ".join((*options, *further.get(name, ())))}" ;;'
        for name, options in words.items()
    )
    script = _BASH.format(gpus=" ".join(PRODUCTS), commands=" ".join(words), cases=cases)
    return (_ZSH if shell == "zsh" else "") + script


def _fish(words: Mapping[str, Iterable[str]]) -> str:
    lines = [_FISH_COMMAND.format(name=name) for name in words]
    for name, options in words.items():
        lines += [
            _FISH_OPTION.format(name=name, option=option.removeprefix("--")) for option in options
        ]
    return "".join(lines)
