"""The house rules that a tool can see. An exception stands here with its reason, or it is none."""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import pairwise
from pathlib import Path

import pytest

from app.db import tables

ROOT = Path(__file__).resolve().parent.parent
APP = ROOT / "app"
DOMAIN = APP / "domain"

FUNCTION_LINES, TEST_LINES, FILE_LINES, ARGUMENTS = 40, 50, 300, 6
LONG_FILES = {
    "app/db/tables.py": "one page of schema",
}
VAGUE = {
    "service", "services", "manager", "helper", "helpers", "util", "utils", "common", "misc", "base",
    "handler", "processor", "data", "info",
}  # fmt: skip

PRIVATE_WORDS = re.compile(r"\b(p[u]rse|t[i]de|d[r]aws|a[s]king|s[i]nking|w[i]sh|l[a]pses)\b")
VAGUE_VARIABLES, VAGUE_VARIABLES_AT_MOST = (
    {"given", "one", "some", "place", "told", "kept", "found"},
    60,
)
PACKAGE_FILES = {"app": 8, "app/api": 66, "app/chain": 40}
"""Files of a package at most, where it is not 20: the API has one a noun, the chain one a part of the node."""

NEAR_MONEY = [APP / "money.py", APP / "api" / "fields.py", *sorted(DOMAIN.rglob("*.py"))]
FLOATS = {
    "app/domain/webhooks/deliveries.py": "seconds and chances",
    "app/domain/webhooks/delivery_claims.py": "seconds",
}

WRITERS = {
    "accounts": {
        "accounts/opening": "opens and changes them",
        "accounts/account": "gives them other names",
        "accounts/closing": "closes them",
        "accounts/receiving": "moves next_index, under the account's lock",
        "blocks/recovery": "puts back what the seed alone still knows",
        "payments/signing_queue": "moves next_change, in the transaction that pays the change",
        "payments/payouts": "writes when the last payout was, and before when there is no other",
        "payments/pause": "skips what a lost database may have given out",
    },
    "addresses": {
        "accounts/opening": "the account's own, with the account",
        "accounts/receiving": "those of invoices and deposits",
        "blocks/recovery": "those on which the chain shows money of ours",
        "payments/signing_queue": "change, with the transaction that pays it",
        "crossings/coins": "those of other cells' coins, with the coins",
    },
    "chain_state": {
        "blocks/connecting": "moves the tip",
        "blocks/reserves": "adds up what blocks posted and moved",
        "payments/pause": "stops payments, and lets them go on",
    },
    "coins": {
        "blocks/block_rows": "writes what blocks made and spent",
        "payments/signing_queue": "change that no block holds yet",
        "payments/spendable_coins": "marks what a transaction is to spend",
        "blocks/own_transaction_rows": "gives back what a dead transaction was to spend",
        "payments/versions": "the change of what goes on under another txid",
        "payments/renewals": "takes what is to be spent under another txid",
        "crossings/coins": "hands them over to another cell",
    },
    "invoices": {
        "invoices/issuing": "issues them; a trigger keeps what was issued",
        "blocks/block_rows": "writes what blocks paid, and nothing else",
        "invoices/receipts": "writes what was paid inside, and that an invoice is over",
        "invoices/renewal": "notes which invoice renews the price of another",
    },
    "ready_keys": {
        "accounts/key_pool": "makes keys ready",
        "accounts/opening": "takes them, in the transaction that opens the account",
        "blocks/recovery": "takes those of the accounts that it puts back",
        "payments/pause": "forgets those that a lost database may have used",
    },
    "transaction_inputs": {
        "payments/spendable_coins": "what a signed transaction spends",
        "payments/versions": "the same for one under another txid",
    },
    "payments": {
        "payments/requesting": "makes them",
        "domain/approvals": "lets those go on that were approved",
        "payments/pause": "ends the wait of those that a restore ends",
        "payments/renewals": "says which version goes on",
        "payments/signing_queue": "signs and fails them",
        "payments/broadcast": "notes that they went out, or why they do not",
        "payments/voiding": "ends them, or has them cancelled",
        "blocks/own_transaction_rows": "writes what blocks did to them",
        "payments/replacements": "writes what they cost once they are signed again, or why they are not",
    },
    "payment_outputs": {
        "payments/requesting": "makes them, with their payment",
        "payments/signing_queue": "writes what each gets, once the fee is known",
        "payments/replacements": "writes what each gets where the fee became another",
        "blocks/own_transaction_rows": "writes what each gets of the version that a block holds",
    },
    "transactions": {
        "payments/signing_queue": "stores them",
        "payments/broadcast": "notes what the node said",
        "blocks/own_transaction_rows": "writes what blocks did to them",
        "payments/voiding": "stops sending what is to be cancelled; sends what its caller has sent before",
        "payments/replacements": "stops sending what was signed again",
        "payments/versions": "stores them under another txid",
        "payments/cancelling_transaction": "stops sending what cancels with too low a fee",
    },
    "events": {
        "outbox/writing": "numbers what happened",
        "webhooks/retention": "deletes what is old and was told",
    },
    "deliveries": {
        "webhooks/delivery_claims": "claims them",
        "webhooks/deliveries": "settles them",
        "webhooks/fan_out": "makes them, and makes them due again",
        "webhooks/delivery_listing": "makes one due again",
        "webhooks/retention": "deletes those of events that are gone; removes those of ended endpoints",
    },
    "attempts": {
        "webhooks/deliveries": "records them",
        "webhooks/retention": "deletes those of events that are gone; removes those of ended endpoints",
    },
    "webhook_endpoints": {
        "webhooks/endpoints": "has them as the configuration says, enables and disables them",
        "webhooks/changes": "makes, changes and ends them as callers ask",
        "webhooks/copies": "has those of the first cell in the others",
        "webhooks/health": "notes since when they fail",
        "webhooks/retention": "removes what callers have ended",
    },
    "leases": {
        "runtime/lease": "takes, renews and releases them",
        "runtime/sharing": "says which processes live",
    },
    "webhook_backlogs": {
        "webhooks/endpoints": "notes what an endpoint has missed",
        "webhooks/delivery_listing": "notes what an endpoint is to have again",
        "webhooks/retention": "removes those of ended endpoints",
        "webhooks/fan_out": "works them off",
    },
}
"""Tables with more than one writer, and what each of those is for."""

WRITING = re.compile(r"(?:^|_)(?:insert|update|delete|upsert)(?:_many)?$")
WRITING_SQL = re.compile(r"\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|TRUNCATE)\s+(?:ONLY\s+)?([a-z_]+)")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def python(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All of a file: to walk a tree takes longer than to parse it, and many rules do."""
    return tuple(ast.walk(tree(path)))


def functions(path: Path) -> Iterator[Function]:
    yield from (node for node in nodes(path) if isinstance(node, Function))


def called(node: ast.Call) -> str:
    """The last name of what is called: `insert` in `sa.insert(...)`."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def violations(paths: list[Path], rule: Callable[[Path], Iterator[str]]) -> list[str]:
    assert paths
    return [f"{name(path)}: {violation}" for path in paths for violation in rule(path)]


# ---------------------------------------------------------------- the domain


def without_db_first(path: Path) -> Iterator[str]:
    for function in functions(path):
        parameters = [*function.args.posonlyargs, *function.args.args]
        first = parameters[0].annotation if parameters else None
        if isinstance(function, ast.AsyncFunctionDef) and not (
            isinstance(first, ast.Name) and first.id in ("Db", "ReadDb", "Crossing")
        ):
            yield function.name


def test_a_coroutine_of_the_domain_takes_its_connection_first() -> None:
    assert violations(python("app/domain"), without_db_first) == []


@cache
def classes(folder: str) -> frozenset[str]:
    return frozenset(
        node.name for file in python(folder) for node in nodes(file) if isinstance(node, ast.ClassDef)
    )


def catching(path: Path) -> Iterator[str]:
    own = classes("app/domain")
    for function in functions(path):
        for block in (node for node in ast.walk(function) if isinstance(node, ast.Try)):
            caught = [
                ast.unparse(handler.type).split(".")[-1] if handler.type else "anything"
                for handler in block.handlers
            ]
            if isinstance(function, ast.AsyncFunctionDef) or block.finalbody or not set(caught) <= own:
                yield f"{function.name} catches {', '.join(caught)}"


def test_the_domain_catches_nothing_but_what_its_own_pure_rules_say() -> None:
    """A `try` around SQL would go on in a transaction that PostgreSQL has given up."""
    assert violations(python("app/domain"), catching) == []


def floats(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield f"line {node.lineno}: {node.value}"
        if isinstance(node, ast.Call) and called(node) in ("float", "Float"):
            yield f"line {node.lineno}: {ast.unparse(node)}"


def test_there_is_no_float_near_money() -> None:
    assert violations([path for path in NEAR_MONEY if name(path) not in FLOATS], floats) == []


def written(path: Path) -> Iterator[str]:
    """The tables that a module writes, by its calls and by SQL text."""
    module = tree(path)
    imported = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom) and node.module == "app.db.tables"
        for alias in node.names
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and WRITING.search(called(node)):
            arguments = {
                inner.id
                for argument in node.args[:2]
                for inner in ast.walk(argument)
                if isinstance(inner, ast.Name)
            }
            yield from (
                imported[table]
                for table in arguments & imported.keys()
                if imported[table] in tables.metadata.tables
            )
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (table for table in WRITING_SQL.findall(node.value) if table in tables.metadata.tables)


def test_every_table_has_one_writer() -> None:
    writers: dict[str, set[str]] = {}
    for path in python("app"):
        for table in written(path):
            writers.setdefault(table, set()).add(f"{path.parent.name}/{path.stem}")

    unexplained = {
        table: names - WRITERS.get(table, {}).keys() for table, names in writers.items() if len(names) > 1
    }
    assert {table: names for table, names in unexplained.items() if names} == {}


CONNECTING = {
    "create_async_engine": "app/db/engine.py",  # with all limits
    "open_engine": "app/db/database.py",  # as the settings say, the pooler too
    "AUTOCOMMIT": "app/db/engine.py",  # nothing without a transaction where a pooler needs one for the limits
}


def connecting(path: Path) -> Iterator[str]:
    """Ways to the database that pass by what the settings say of it."""
    for node in nodes(path):
        if isinstance(node, ast.Call) and called(node) == "create_async_engine":
            yield "create_async_engine"
        if isinstance(node, ast.Call) and called(node) == "open_engine":
            yield "open_engine"
        if isinstance(node, ast.Constant) and node.value == "AUTOCOMMIT":
            yield "AUTOCOMMIT"


def test_there_is_one_way_to_the_database() -> None:
    ways = violations(python("app"), connecting)

    assert set(ways) == {f"{file}: {way}" for way, file in CONNECTING.items()}


# ---------------------------------------------------------------- libraries

FRAMEWORKS = ("fastapi", "starlette", "pydantic", "pydantic_core", "pydantic_settings", "sqlalchemy")
DOCUMENTED = {
    *FRAMEWORKS,
    "fastapi.exceptions",
    "fastapi.routing",
    "pydantic.fields",
    "pydantic.json_schema",
    "sqlalchemy.dialects",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.exc",
    "sqlalchemy.ext.asyncio",
    "sqlalchemy.pool",
    "starlette.exceptions",
    "starlette.middleware",
    "starlette.middleware.cors",
    "starlette.requests",
    "starlette.responses",
    "starlette.routing",
    "starlette.types",
}
"""The modules of the frameworks that their reference documents, as far as we need them."""
UNDOCUMENTED = {"dependant", "body_field", "response_field", "response_fields", "stream_item_field"}
"""What FastAPI keeps of a route for itself."""
CHANGING = {"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"}
DOCUMENTED_PRIVATES = {"_asdict", "_exit", "_fields", "_make", "_replace"}
"""What Python documents though it begins with an underscore: of named tuples, and of `os`."""
PYTHONS = re.compile(r"__(?!pydantic|fastapi|starlette|sa_|fields)[a-z_]+__")


def framework_imports(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if isinstance(node, ast.Import):
            modules, names = [alias.name for alias in node.names], []
        elif isinstance(node, ast.ImportFrom):
            modules, names = [node.module or ""], [alias.name for alias in node.names]
        else:
            continue
        modules = [module for module in modules if module.split(".")[0] in FRAMEWORKS]
        yield from (module for module in modules if module not in DOCUMENTED)
        yield from (f"{modules[0]}.{name}" for name in names if modules and name.startswith("_"))


@cache
def own_names() -> frozenset[str]:
    """The names that Kennel itself gives to anything, in any file."""
    all_nodes = [node for path in python("app", "devnet") for node in nodes(path)]
    return frozenset(
        [node.name for node in all_nodes if isinstance(node, Function | ast.ClassDef)]
        + [node.id for node in all_nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
        + [
            node.attr
            for node in all_nodes
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        ]
    )


def is_foreign(attribute: str) -> bool:
    private = attribute.startswith("_") and attribute not in own_names() | DOCUMENTED_PRIVATES
    return attribute in UNDOCUMENTED or (private and not PYTHONS.fullmatch(attribute))


def inner_parts(path: Path) -> Iterator[str]:
    """What a file takes of objects that hide it, and changes of a list of routes."""
    for node in nodes(path):
        if isinstance(node, ast.Attribute) and is_foreign(node.attr):
            yield ast.unparse(node)
        if isinstance(node, ast.Call) and called(node) in ("getattr", "setattr", "hasattr", "attrgetter"):
            texts = [part.value for part in node.args if isinstance(part, ast.Constant)]
            yield from (text for text in texts if isinstance(text, str) and is_foreign(text))
        if isinstance(node, ast.Subscript | ast.Attribute) and ast.unparse(node.value).endswith(".routes"):
            changes = node.attr in CHANGING if isinstance(node, ast.Attribute) else True
            yield from [ast.unparse(node)] if changes else []


def test_frameworks_are_entered_by_the_doors_that_they_document() -> None:
    """Their inner parts change without notice: pyproject.toml could not let new versions in."""
    assert violations(python("app"), framework_imports) == []
    assert violations(python("app"), inner_parts) == []


# ---------------------------------------------------------------- sizes and names


def too_long(path: Path, function_lines: int = FUNCTION_LINES) -> Iterator[str]:
    lines = len(path.read_text().splitlines())
    if lines > FILE_LINES and name(path) not in LONG_FILES:
        yield f"{lines} lines"
    for function in functions(path):
        if (size := (function.end_lineno or 0) - function.lineno + 1) > function_lines:
            yield f"{function.name} has {size} lines"


def test_no_function_is_over_40_lines_and_no_file_over_300() -> None:
    assert violations(python("app", "devnet", "bench"), too_long) == []


def test_no_test_is_over_50_lines() -> None:
    assert [
        violation
        for violation in violations(python("tests"), partial(too_long, function_lines=TEST_LINES))
        if not violation.endswith(": lines") and " has " in violation
    ] == []


def too_many_arguments(path: Path) -> Iterator[str]:
    for function in functions(path):
        arguments = function.args
        names = [
            argument.arg for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        ]
        if len([argument for argument in names if argument not in ("self", "cls")]) > ARGUMENTS:
            yield function.name


def test_no_function_has_more_than_six_arguments() -> None:
    assert violations(python("app", "devnet", "bench"), too_many_arguments) == []


OTHERS_NAMES = {
    "get_route_handler": "FastAPI's",
    "data_received": "asyncio's",
    "base_url": "the usual name of the part of a URL that the others are appended to",
}


def vague(path: Path) -> Iterator[str]:
    defined = (node.name for node in nodes(path) if isinstance(node, Function | ast.ClassDef))
    for identifier in (path.stem, path.parent.name, *defined):
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", identifier).lower().split("_")
        if VAGUE & set(words) and identifier not in OTHERS_NAMES:
            yield identifier


def test_no_file_class_or_function_has_a_name_that_says_nothing() -> None:
    assert violations(python("app", "devnet", "bench", "tests"), vague) == []


def without_docstring(path: Path) -> Iterator[str]:
    if not ast.get_docstring(tree(path)):
        yield "says nothing of itself"


def test_every_file_opens_with_what_it_is() -> None:
    assert violations(python("app", "devnet", "bench", "migrations"), without_docstring) == []


def loops(path: Path) -> set[str]:
    """The names of the loops that a file makes."""
    calls = (node for node in nodes(path) if isinstance(node, ast.Call) and called(node) == "Loop")
    names = (call.args[0] for call in calls if call.args)
    return {str(node.value) for node in names if isinstance(node, ast.Constant)}


def test_no_two_files_give_one_name_to_a_loop() -> None:
    """A process keeps the health of its loops by their names: with one name for two, both would end it."""
    makers = Counter(loop for path in python("app") for loop in loops(path))

    assert {loop: count for loop, count in makers.items() if count > 1} == {}


# ---------------------------------------------------------------- tests

LUCK = ("time.sleep", "unittest.mock")
PASSED_OVER = (
    "pytest.skip",
    "pytest.mark.skip",
    "pytest.mark.skipif",
    "pytest.mark.xfail",
    "pytest.xfail",
    "pytest.importorskip",
)


def dotted(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if isinstance(node, ast.Attribute | ast.Name | ast.arg):
            yield node.arg if isinstance(node, ast.arg) else ast.unparse(node)
        if isinstance(node, ast.Import | ast.ImportFrom):
            prefix = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            yield from (f"{prefix}{alias.name}" for alias in node.names)


LUCKY = {
    ("tests/end_to_end/program.py", "time.sleep"): "asks another process again until it answers",
    ("tests/end_to_end/shop.py", "time.sleep"): "asks another process again until it answers",
    ("tests/faults/test_kills.py", "time.sleep"): "the moment of the kill is the test's input",
    ("tests/faults/all_at_once/faults.py", "time.sleep"): "the moments of the faults are the test's input",
    ("tests/faults/all_at_once/load.py", "time.sleep"): "how great the load is is the test's input",
    (
        "tests/faults/all_at_once/test_all_at_once.py",
        "time.sleep",
    ): "a block a second until a claim comes true",
    (
        "tests/faults/all_at_once/test_away_for_long.py",
        "time.sleep",
    ): "how long they are away is the test's input",
    (
        "tests/upgrade/test_beside_the_version_before.py",
        "pytest.skip",
    ): "needs the history, which continuous integration clones",
    ("tests/faults/test_workers.py", "time.sleep"): "how long it is frozen is the test's input",
    ("tests/faults/test_renewal_kills.py", "time.sleep"): "the moment of the kill is the test's input",
    (
        "tests/unit/db/embedded/test_server.py",
        "time.sleep",
    ): "looks at other processes until a claim comes true",
    ("tests/unit/db/embedded/test_server.py", "pytest.mark.skipif"): "only root can be dropped",
    (
        "tests/end_to_end/test_telling.py",
        "pytest.mark.skipif",
    ): "needs a broker that people run, where there is one",
    ("tests/faults/test_broker_away.py", "pytest.mark.skipif"): "needs a broker that remembers its sessions",
    (
        "tests/unit/test_deployment.py",
        "pytest.mark.skipif",
    ): "needs promtool, which the continuous integration installs",
    ("tests/pooler.py", "pytest.mark.skipif"): "needs PgBouncer, which CI installs",
    ("tests/unit/events/test_mqtt_by_tls.py", "pytest.skip"): "the embedded broker speaks no TLS",
    (
        "tests/unit/api/test_browser.py",
        "pytest.mark.skipif",
    ): "needs a browser, which the continuous integration installs",
    (
        "tests/checkout/conftest.py",
        "pytest.skip",
    ): "needs a browser, which the continuous integration installs",
    (
        "tests/unit/events/test_mqtt_sink.py",
        "pytest.skip",
    ): "the embedded broker knows neither passwords nor MQTT 5",
}


def lucky(path: Path) -> Iterator[str]:
    used = {use for use in dotted(path) if use.startswith((*LUCK, *PASSED_OVER))}
    yield from (use for use in sorted(used) if (name(path), use) not in LUCKY)


def test_no_test_sleeps_for_luck_mocks_or_is_passed_over() -> None:
    assert violations(python("tests"), lucky) == []


def asserts(function: Function, known: frozenset[str]) -> bool:
    return any(
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Call) and (called(node) == "raises" or called(node) in known))
        for statement in function.body  # a decorator asserts nothing
        for node in ast.walk(statement)
    )


def claims(paths: list[Path]) -> frozenset[str]:
    """The names of the functions beside the tests that assert, or call one that does."""
    beside = [
        function for path in paths for function in functions(path) if not function.name.startswith("test_")
    ]
    known: frozenset[str] = frozenset()
    while (more := frozenset(function.name for function in beside if asserts(function, known))) != known:
        known = more
    return known


def test_every_test_asserts_something() -> None:
    paths = python("tests")
    known = claims(paths)

    def empty(path: Path) -> Iterator[str]:
        yield from (
            function.name
            for function in functions(path)
            if function.name.startswith("test_") and not asserts(function, known)
        )

    assert violations(paths, empty) == []


def test_no_name_of_a_test_is_given_twice_in_a_file() -> None:
    """The second would silently replace the first."""

    def doubled(path: Path) -> Iterator[str]:
        names = sorted(function.name for function in functions(path) if function.name.startswith("test_"))
        yield from (first for first, second in pairwise(names) if first == second)

    assert violations(python("tests"), doubled) == []


# ---------------------------------------------------------------- the tree

UNDONE = re.compile(
    r"(?:#|//|--)\s*(?:TO{0}|FIX{1}|X{2})\b|\b(?:TO{0}|FIX{1}|X{2})[:(]".format("DO", "ME", "XX")
)
MACHINE = re.compile(r"(?<![\w.~])/(?:work|root|tmp/scratch)(?![\w-])")
BUILT = {
    ".git",
    ".venv",
    ".kennel",
    "build",
    ".hypothesis",
    ".mypy_cache",
    ".ruff_cache",
    ".import_linter_cache",
    "__pycache__",
}
TEXTS = {
    ".py",
    ".md",
    ".toml",
    ".lock",
    ".yml",
    ".yaml",
    ".json",
    ".mako",
    ".sh",
    ".html",
    ".css",
    ".js",
    ".example",
    ".txt",
    "",
}


def texts() -> list[Path]:
    """Every text of the tree that is not built from another."""
    files = []
    for path in sorted(ROOT.rglob("*")):
        inside = path.relative_to(ROOT).parts
        if (
            not BUILT & set(inside)
            and path.is_file()
            and path.suffix in TEXTS
            and path != Path(__file__).resolve()
        ):
            files.append(path)
    return files


def unsaid(path: Path) -> Iterator[str]:
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        if UNDONE.search(line):
            yield f"line {number} leaves something to be done"
        if MACHINE.search(line):
            yield f"line {number} names a path of a machine"


def test_nothing_is_left_to_be_done_and_no_machine_is_named() -> None:
    assert violations(texts(), unsaid) == []


def unreadable(path: Path) -> Iterator[str]:
    try:
        path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        yield "is no text: what is built or fetched has no place here"


def test_the_tree_holds_nothing_but_text() -> None:
    files = [path for path in sorted(ROOT.rglob("*")) if not BUILT & set(path.relative_to(ROOT).parts)]

    assert violations([path for path in files if path.is_file()], unreadable) == []


@pytest.mark.parametrize(
    "file",
    ["requirements.lock", "requirements-dev.lock", "requirements-eventbridge.lock", "requirements-otel.lock"],
)
def test_lock_files_hold_hashes_and_name_no_index_and_no_host(file: str) -> None:
    text = (ROOT / file).read_text()

    assert re.findall(r"\w+://|@ |--(?:index|extra-index|find|trusted)\S*|--\w*host\S*", text) == []
    assert len(re.findall(r"(?m)^[a-z0-9]", text)) <= len(re.findall(r"--hash=sha256:[0-9a-f]{64}", text))


def test_no_private_word_is_left() -> None:
    lines = ((path, line) for path in python("app", "tests") for line in path.read_text().splitlines())

    assert [f"{name(path)}: {line.strip()}" for path, line in lines if PRIVATE_WORDS.search(line)] == []


def variables(path: Path) -> Iterator[str]:
    """The names that a file gives to values: parameters, and what is assigned to."""
    for node in nodes(path):
        if isinstance(node, ast.arg):
            yield node.arg
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def test_few_variables_have_a_name_that_says_nothing() -> None:
    vague = [word for path in python("app") for word in variables(path) if word in VAGUE_VARIABLES]

    assert len(vague) < VAGUE_VARIABLES_AT_MOST


def test_no_package_has_too_many_files() -> None:
    packages = Counter(name(path.parent) for path in python("app"))

    assert {
        package: count for package, count in packages.items() if count > PACKAGE_FILES.get(package, 20)
    } == {}
