"""What a database's URL may say, and how it is refused otherwise."""

from pathlib import Path

import pytest

from app.config import sources
from app.config.values import SettingsError
from app.db import database_url
from app.db.database_url import KeepAlive, WrongUrl


def test_all_that_libpq_reads_and_kennel_does_is_taken(tmp_path: Path) -> None:
    authority = tmp_path / "root.crt"
    authority.touch()

    url = database_url.parse(
        "postgresql://me:p%40ss@one:5433,two/shop?connect_timeout=3&application_name=shop"
        "&options=-c%20geqo%3Doff&target_session_attrs=primary&channel_binding=prefer"
        f"&sslmode=verify-full&sslrootcert={authority}"
        "&keepalives_idle=60&keepalives_interval=7&keepalives_count=2&tcp_user_timeout=9000"
        "&gssencmode=disable"
    )

    assert url.hosts == (("one", 5433), ("two", None))
    assert (url.user, url.password, url.database) == ("me", "p@ss", "shop")
    assert url.server_settings == {"application_name": "shop", "options": "-c geqo=off"}
    assert (url.connect_seconds, url.session, url.keep_alive) == (3, "primary", KeepAlive(60, 7, 2, 9000))
    path = str(authority).replace("/", "%2F")
    assert url.driver["dsn"] == f"postgresql://?sslmode=verify-full&sslrootcert={path}"


def test_hosts_may_be_options_and_sockets_and_are_none_where_libpq_would_look_itself() -> None:
    assert database_url.parse("postgresql://me@/shop?host=/run/pg&port=5433").hosts == (("/run/pg", 5433),)
    assert database_url.parse("postgresql:///shop?host=a,b&port=1,2").hosts == (("a", 1), ("b", 2))
    assert database_url.parse("postgresql://%2Frun%2Fpg/shop").hosts == (("/run/pg", None),)
    assert database_url.parse("postgresql://[::1]:5433/shop").hosts == (("::1", 5433),)
    assert database_url.parse("postgresql:///shop").hosts == ()


def test_of_several_hosts_the_one_that_can_be_written_to_is_taken() -> None:
    assert database_url.parse("postgresql://one,two/shop").session == "read-write"
    assert database_url.parse("postgresql://one/shop").session == "any"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (
            "channel_binding=require",
            "channel_binding is disable or prefer: Kennel's driver cannot bind channels",
        ),
        (
            "target_session_attrs=standby",
            "target_session_attrs is any or primary or read-write: Kennel writes",
        ),
        ("connect_timeout=soon", "connect_timeout is a whole number"),
        ("sslmode=on", "sslmode is disable or allow or prefer or require or verify-ca or verify-full"),
        ("sslrootcert=/nowhere/root.crt", "sslrootcert is a file that is there"),
        (
            "sslrootcert=system&sslmode=require",
            "sslmode=verify-full and no files where it has sslrootcert=system",
        ),
        ("hostaddr=10.0.0.1", "without hostaddr, which Kennel does not know: name the address as the host"),
        (
            "pgbouncer=true",
            "without pgbouncer, which Kennel does not know: KENNEL_DATABASE_POOLER=transaction says",
        ),
        ("gssencmode=require", "gssencmode is disable or prefer"),
        ("require_auth=md5", "without require_auth, which Kennel does not know"),
        ("client_encoding=LATIN1", "client_encoding is UTF8"),
        ("sslmode", "with name=value, and & between, behind the ?"),
        ("port=70000", "ports from 1 to 65535"),
        ("port=1,2", "host:port, or several of them with commas between"),
    ],
)
def test_what_cannot_be_kept_is_named_in_a_sentence(query: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as refused:
        sources.read({"KENNEL_DATABASE_URL": f"postgresql://me:hush@db/shop?{query}"})

    assert str(refused.value).startswith("KENNEL_DATABASE_URL must be a URL ")
    assert sentence in str(refused.value)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("sign", ["/", "?", "#", "[", ":@", "?a=b&", "/@", "%"])
def test_a_password_that_breaks_the_url_is_not_repeated(sign: str) -> None:
    try:
        parsed = database_url.parse(f"postgresql://me:xq{sign}zv@db/shop")
    except WrongUrl as refused:
        shown = str(refused)
    else:
        shown = repr(parsed)
        assert parsed.password == f"xq{sign}zv"

    assert not any(part in shown for part in ("xq", "zv"))


def test_tcp_looks_for_dead_connections_unless_the_url_says_otherwise() -> None:
    assert database_url.parse("postgresql://db/shop").keep_alive == KeepAlive()
    assert database_url.parse("postgresql://db/shop?keepalives=0").keep_alive is None
