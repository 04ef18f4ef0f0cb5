"""The sources of the settings: environment variables over a TOML file over the defaults."""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from app.config import checks, sections, values
from app.config.settings import PREFIX, VARIABLES, Settings
from app.config.values import SettingsError

DEFAULT_FILE: Final = Path("kennel.toml")
FILE_BYTES: Final = 1 << 20
VALUE_CHARACTERS: Final = 8192


def read(environ: Mapping[str, str], config_path: Path | None = None) -> Settings:
    """Read everything and check it; SettingsError at the first thing that is wrong.

    `config_path` wins over KENNEL_CONFIG, and the file of either must exist; else `kennel.toml` is read if it
    is there. An empty variable is an unset one.
    """
    file = _load(_config_path(environ, config_path))
    names = [name for name in sections.NAMES if isinstance(file.get(name), dict)]
    fields, mqtt_texts = sections.read({name: file.pop(name) for name in names})
    texts = mqtt_texts | _file_texts(file) | _environ_texts(environ)
    parsed = {name: _parse(name, text) for name, text in texts.items()}
    settings = Settings(**_with_passphrase(parsed), **fields)
    for fault in checks.faults(settings, texts):
        raise SettingsError(fault)
    return settings


def _config_path(environ: Mapping[str, str], config_path: Path | None) -> Path | None:
    named = config_path or (Path(environ["KENNEL_CONFIG"]) if environ.get("KENNEL_CONFIG") else None)
    if named is not None and not named.is_file():
        raise SettingsError(f"KENNEL_CONFIG names {named}, which is not a file.")
    return named or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)


def _load(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    if path.stat().st_size > FILE_BYTES:
        raise SettingsError(f"The file {path} (KENNEL_CONFIG) is larger than {FILE_BYTES} bytes.")
    try:
        loaded = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise SettingsError(f"The file {path} (KENNEL_CONFIG) is not TOML: {wrong}.") from None
    return {key.lower(): value for key, value in loaded.items()}


def _file_texts(file: Mapping[str, Any]) -> dict[str, str]:
    for name, value in file.items():
        if isinstance(value, dict):
            known = " and ".join(f"[{section}]" for section in sections.NAMES)
            raise SettingsError(f"The file of KENNEL_CONFIG has a section [{name}]; only {known} are read.")
        _check_name(name, f"{name} in the file of KENNEL_CONFIG")
    return {name: text for name, value in file.items() if (text := _text(value))}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _environ_texts(environ: Mapping[str, str]) -> dict[str, str]:
    texts = {}
    for variable, text in environ.items():
        if variable.startswith(PREFIX) and variable != "KENNEL_CONFIG":
            name = variable.removeprefix(PREFIX).lower()
            _check_name(name, variable)
            texts[name] = text.strip()
    return {name: text for name, text in texts.items() if text}


def _check_name(name: str, shown: str) -> None:
    if name in VARIABLES:
        return
    near = difflib.get_close_matches(name, [*VARIABLES, "config"], n=1)
    meant = f"did you mean {PREFIX}{near[0].upper()}?" if near else ".env.example lists those that there are."
    raise SettingsError(f"There is no setting {shown}: {meant}")


def _parse(name: str, text: str) -> Any:
    variable, metadata = PREFIX + name.upper(), VARIABLES[name].metadata
    if len(text) > VALUE_CHARACTERS:
        raise SettingsError(f"{variable} is longer than {VALUE_CHARACTERS} characters.")
    try:
        return metadata["rule"].read(text)
    except values.WrongValueError as wrong:
        shown = "" if metadata["secret"] else f", not {text[:100]!r}"
        raise SettingsError(f"{variable} must be {wrong}{shown}.") from None


def _with_passphrase(parsed: dict[str, Any]) -> dict[str, Any]:
    """Read the passphrase from its file, where one is named."""
    path = parsed.get("seed_passphrase_file")
    if path is None:
        return parsed
    if "seed_passphrase" in parsed:
        raise SettingsError(
            "KENNEL_SEED_PASSPHRASE and KENNEL_SEED_PASSPHRASE_FILE are both set: only one can be right."
        )
    try:
        with path.open() as file:
            text = file.read(VALUE_CHARACTERS).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as wrong:
        raise SettingsError(
            f"KENNEL_SEED_PASSPHRASE_FILE names {path}, which cannot be read ({type(wrong).__name__})."
        ) from None
    if not text:
        raise SettingsError(f"KENNEL_SEED_PASSPHRASE_FILE names {path}, which is empty.")
    return parsed | {"seed_passphrase": _parse("seed_passphrase", text)}
