"""The sources of the settings: environment variables over a TOML file over the defaults."""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource, InitSettingsSource, TomlConfigSettingsSource

from app.config import checks, secrets, sections, values
from app.config.settings import PREFIX, SECRETS, VARIABLES, Settings
from app.config.values import SettingsError

DEFAULT_FILE: Final = Path("kennel.toml")
FILE_BYTES: Final = 1 << 20


class Variables(EnvSettingsSource):
    """Those of any mapping, without blanks around them; pydantic's own source has os.environ alone."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(Settings)
        texts = {
            name.removeprefix(PREFIX).lower(): text.strip()
            for name, text in environ.items()
            if name.startswith(PREFIX) and text.strip()
        }
        resolved = secrets.resolved(texts, SECRETS)
        self.env_vars = {f"{PREFIX.lower()}{name}": text for name, text in resolved.items()}


def read(environ: Mapping[str, str], config_path: Path | None = None) -> Settings:
    """Read everything and check it; SettingsError at the first thing that is wrong.

    `config_path` wins over KENNEL_CONFIG, and the file of either must exist; else `kennel.toml` is read if it
    is there. An empty variable is an unset one.
    """
    _check_names(environ)
    try:
        settings = Settings(Variables(environ), _file(_config_path(environ, config_path)))
    except ValidationError as wrong:
        raise _error(wrong.errors()[0]) from None
    for fault in checks.faults(settings):
        raise SettingsError(fault)
    return settings


def _config_path(environ: Mapping[str, str], config_path: Path | None) -> Path:
    named = config_path or (Path(environ["KENNEL_CONFIG"]) if environ.get("KENNEL_CONFIG") else None)
    if named is not None and not named.is_file():
        raise SettingsError(f"KENNEL_CONFIG names {named}, which is not a file.")
    return named or DEFAULT_FILE


def _file(path: Path) -> InitSettingsSource:
    if path.is_file() and path.stat().st_size > FILE_BYTES:
        raise SettingsError(f"The file {path} (KENNEL_CONFIG) is larger than {FILE_BYTES} bytes.")
    try:
        table = TomlConfigSettingsSource(Settings, path).toml_data
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise SettingsError(f"The file {path} (KENNEL_CONFIG) is not TOML: {wrong}.") from None
    return InitSettingsSource(Settings, secrets.resolved(sections.flat(table), SECRETS))


def _check_names(environ: Mapping[str, str]) -> None:
    """Refuse a variable of ours that is no setting: whoever mistypes one would wonder why nothing changes."""
    for variable in environ:
        if variable.startswith(PREFIX) and variable != "KENNEL_CONFIG":
            _check_name(variable.removeprefix(PREFIX).lower())


def _check_name(name: str) -> None:
    if name not in VARIABLES and name not in secrets.ways(SECRETS):
        near = difflib.get_close_matches(name, [*VARIABLES, "config"], n=1)
        meant = (
            f"did you mean {PREFIX}{near[0].upper()}?" if near else ".env.example lists those that there are."
        )
        raise SettingsError(f"There is no setting {PREFIX}{name.upper()}: {meant}")


def _error(error: Any) -> SettingsError:
    """Return what is wrong, with the name of the variable or of the section, and without a secret."""
    name, *below = error["loc"] or [""]
    if not name:
        return SettingsError(str(error["ctx"]["error"]))
    if name in sections.KINDS:
        return SettingsError(sections.sentence(name, below, error))
    _check_name(name)
    shown = f", not {str(error['input'])[:100]!r}" if VARIABLES[name].repr else ""
    must = values.words_of_error(error, VARIABLES[name])
    return SettingsError(f"{PREFIX}{name.upper()} must be {must}{shown}.")
