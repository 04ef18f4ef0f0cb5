"""Who runs a command: the user of the system, as the audit log names it."""

import os
import pwd

from app.db import Db
from app.domain import audit_log
from app.domain.audit_log import Action, Change, Shown


def user() -> str:
    """Return the name of the user that runs this process, or their number where they have none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


async def log(db: Db, name: str, subject: str, after: Shown, before: Shown | None = None) -> None:
    """Log what a command changes, in the transaction that changes it."""
    foreign_id = str(after.get("foreign_id", ""))
    action = Action("command line", name, user(), foreign_id)
    await audit_log.write(db, [Change(action, subject, before, after)])
