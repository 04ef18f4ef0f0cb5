"""The settings as a page of the docs and as an example of an environment; `make docs` writes both."""

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from pydantic.fields import FieldInfo

from app.config import values
from app.config.sections import MQTT_LOGIN, MQTT_VARIABLES, Callback, EventBus, EventFilter, Logger, Queue
from app.config.settings import PREFIX, SECRETS, VARIABLES, Settings

HEAD: Final = """\
# The settings

This page is made by `make docs` from the settings themselves.

Kennel reads its settings from environment variables, and from a TOML file: `kennel.toml` in the folder where
you start it, or the file that `KENNEL_CONFIG` names. In the file a setting has the name of its variable in
lower case, without `KENNEL_`. The environment wins over the file. An empty variable is an unset one. A name
that Kennel does not know stops the start. `.env.example` has all variables with their defaults.

    network = "main"                   # the same as KENNEL_NETWORK=main
    webhook_retries = [5, 60, 3600]    # a list, where the variable has commas

**Secrets** (those that are marked below) need not stand in either. The same name with `_FILE` at its end
names a file with the secret in it, with `_COMMAND` a command that prints it
([examples](going-live.md#secrets)). The command runs once, at the start, without a shell, for 30 seconds at most; what it prints is in no log.

The settings work with the demo too: `KENNEL_ADMIN_BIND=127.0.0.1:9081 make run`.
"""
GROUPS: Final = {
    "home": ("The installation", ""),
    "node_url": ("The node", "How to set up Dogecoin Core: [going live](going-live.md#a-node)."),
    "devnet_bind": ("The test network", "It runs on `regtest` where no node is configured."),
    "database_url": (
        "The database",
        "[Its address](database.md#the-address-of-the-database), [PgBouncer](database.md#behind-pgbouncer).",
    ),
    "admin_bind": (
        "The APIs",
        "[Names, reverse proxies and connections](operations.md#names-reverse-proxies-and-connections).",
    ),
    "shop_name": ("The checkout page", "[How it works](checkout.md)."),
    "confirmations": ("Money", ""),
    "rates": ("Prices in money", "[How rates are used](api.md#prices-in-money)."),
    "seed_passphrase": ("The seed", "How to keep it: [going live](going-live.md#the-seed)."),
    "backup_passphrase": ("Backups", "[How they are made](backup-and-recovery.md)."),
    "webhook_retries": ("Webhooks and events", ""),
    "mqtt_url": ("MQTT", "[How events are told](delivering-events.md)."),
}
"""The title of each group of settings, and where to read on. A group begins at its setting."""
MQTT: Final = """\
## Sections of the file

`[callbacks.NAME]`, `[loggers.NAME]`, `[mqtt]` and `[mqtt.queues.NAME]` are GigaWallet's sections, and Kennel
reads them as GigaWallet wrote them. You choose each `NAME`. The case of a key does not matter.

### [mqtt]
"""
SECTIONS: Final[dict[str, tuple[type[EventFilter], str]]] = {
    "mqtt.queues.NAME": (Queue, "A topic besides `KENNEL_MQTT_TOPIC`."),
    "callbacks.NAME": (Callback, "A webhook endpoint. [Others are made by HTTP](api.md#webhooks)."),
    "loggers.NAME": (Logger, "A log file of events."),
    "eventbridge.NAME": (EventBus, "An event bus of Amazon EventBridge. It needs `make eventbridge` once."),
}
EXAMPLE_HEAD: Final = """\
# Every setting of Kennel with its default, made by `make docs`. An empty one is unset.
# The settings may also stand in a TOML file: docs/settings.md says how, and what the words here mean.
"""
WIDTH: Final = 110


def page() -> str:
    """Return the page as Markdown."""
    return "\n".join([HEAD, *_groups(), MQTT, _mqtt(), *_sections()])


def example() -> str:
    """Return all variables with their defaults, each below a comment that says what it sets."""
    explained = meanings(Settings)
    lines = [EXAMPLE_HEAD.rstrip()]
    for name, field in VARIABLES.items():
        if name in GROUPS:
            lines += ["", f"# ---- {GROUPS[name][0]}"]
        lines += textwrap.wrap(explained[name], WIDTH, initial_indent="# ", subsequent_indent="# ")
        lines.append(f"# Value: {values.words(field)}.")
        lines.append(f"{PREFIX}{name.upper()}={default(field)}")
    return "\n".join(lines) + "\n"


def meanings(kind: type) -> dict[str, str]:
    """Return the text below each field of the class that has one: what it sets.

    pydantic's use_attribute_docstrings does the same, but at every start: that takes a tenth of a second.
    """
    tree = ast.parse(inspect.getsource(kind))
    [definition] = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return {
        ast.unparse(field.target): " ".join(ast.literal_eval(text.value).split())
        for field, text in pairwise(definition.body)
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr)
    }


def _groups() -> Iterator[str]:
    explained = meanings(Settings)
    names = list(VARIABLES)
    starts = [names.index(name) for name in GROUPS]
    for (title, more), start, end in zip(GROUPS.values(), starts, [*starts[1:], None], strict=True):
        rows = [[*_setting(name), explained[name]] for name in names[start:end]]
        table = _table(["variable", "in the file", "value", "default", "what it sets"], rows)
        yield f"## {title}\n\n" + (f"{more}\n\n" if more else "") + table


def _setting(name: str) -> list[str]:
    """Return its variable, its name in the file, which values it takes and its default."""
    return [f"`{PREFIX}{name.upper()}`", f"`{name}`", *_value(VARIABLES[name], secret=name in SECRETS)]


def _mqtt() -> str:
    variables = {key: f"The same as `{PREFIX}MQTT_{key.upper()}`." for key in MQTT_VARIABLES}
    rows = [[f"`{key}`", text] for key, text in (MQTT_LOGIN | variables).items()]
    return _table(["key", "what it sets"], rows)


def _sections() -> Iterator[str]:
    for name, (kind, purpose) in SECTIONS.items():
        explained = meanings(kind) | meanings(EventFilter)
        rows = [[f"`{key}`", *_value(kind.model_fields[key]), text] for key, text in explained.items()]
        table = _table(["key", "value", "default", "what it sets"], rows)
        yield f"### [{name}]\n\n{purpose}\n\n{table}"


def _value(field: FieldInfo, *, secret: bool = False) -> list[str]:
    """Return what the value may be, and the default; a secret is marked."""
    shown = "must be set" if field.is_required() else default(field) and f"`{default(field)}`"
    return [f"{values.words(field)} (secret)" if secret else values.words(field), shown]


def default(field: FieldInfo) -> str:
    """Return the default as an operator writes it; nothing for an unset one."""
    match field.default:
        case None:
            return ""
        case bool():
            return str(field.default).lower()
        case tuple():
            return ",".join(field.default)
    return str(field.default)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    sys.stdout.write(example() if sys.argv[1:] == ["env"] else page())
