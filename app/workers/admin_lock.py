"""Whether the merchant's API is closed to those without a token or a key, and whether anything opens it then."""

from sqlalchemy.ext.asyncio import AsyncEngine

from app.config.settings import Settings
from app.config.values import SettingsError
from app.domain import access


async def is_closed(settings: Settings, engine: AsyncEngine) -> bool:
    """Say whether callers need a token or a key. Raises SettingsError where they do, and nobody has one."""
    reason = _reason(settings)
    if reason is None or settings.admin_token is not None:
        return settings.admin_token is not None
    async with engine.connect() as db:
        if not await access.usable_exists(db):
            raise SettingsError(
                f"KENNEL_ADMIN_TOKEN must be set, or a key made with `kennel key create`, {reason}:"
                " without them, what can reach the admin API can pay."
            )
    return True


def _reason(settings: Settings) -> str | None:
    """Say why the API must be closed also without a token; None: it need not be."""
    if settings.network != "regtest":
        return f"on {settings.network}"
    if not settings.admin_bind.loopback:
        return f"while KENNEL_ADMIN_BIND is {settings.admin_bind}, which is not loopback"
    return "while KENNEL_AUTH is required" if settings.auth == "required" else None
